//! Orders, posted in waves.

use std::ops::Range;

use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::{Posted, Poster};

/// The next orders of the story.
#[derive(Debug)]
pub(crate) struct Waves {
    next: u32,
}

impl Waves {
    /// From order 0 on.
    pub(crate) fn new() -> Self {
        Self { next: 0 }
    }

    /// The numbers of the next wave.
    pub(crate) fn take(&mut self, count: u32) -> Range<u32> {
        let wave = self.next..self.next + count;
        self.next = wave.end;
        wave
    }
}

/// Posts orders until each was answered with 202.
pub(crate) async fn post(url: &str, wave: Range<u32>) -> anyhow::Result<Posted> {
    let posted = Poster::to(url)
        .post(wave.map(|number| Order(number).post()))
        .await?;
    anyhow::ensure!(
        posted.refused.is_empty() && posted.given_up.is_empty(),
        "the webhook did not take {} orders",
        posted.refused.len() + posted.given_up.len()
    );
    Ok(posted)
}
