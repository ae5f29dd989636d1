//! The narrator's voice.

use std::time::Instant;

/// Numbers the chapters and knows how long it has been.
#[derive(Debug)]
pub(crate) struct Narrator {
    began: Instant,
    chapter: u32,
}

impl Narrator {
    /// Begins.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            chapter: 0,
        }
    }

    /// A new chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        println!("\n{:>5.1} s  {}. {title}", self.seconds(), self.chapter);
    }

    /// A sentence.
    #[expect(clippy::unused_self, reason = "a sentence belongs to its story")]
    pub(crate) fn say(&self, text: &str) {
        for line in text.lines() {
            println!("         {line}");
        }
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
