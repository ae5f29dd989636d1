//! Makes text from manifests safe to print: on a terminal, and in a CI log.

use std::fmt::Write as _;
use std::ops::Range;

/// Text in which nothing acts on a terminal, with a way back from the offsets of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    text: String,
    /// Where the text grew: offset in the original after the character, bytes gained so far.
    shifts: Vec<(usize, usize)>,
    length: usize,
}

/// One line of text: control characters, line ends too, are written as `\u{..}`.
pub(crate) fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut safe, character, character == '\t');
    }
    safe
}

/// Several lines of text: line ends and tabs stay.
pub(crate) fn lines(text: &str) -> String {
    Source::new(text).text
}

/// Keeps lines from being read as workflow commands by GitHub Actions (`::name::`, and the older
/// `##[name]` anywhere). For whole outputs, ANSI styles included.
pub(crate) fn without_commands(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = command_start(line);
        let (lead, rest) = line.split_at(start);
        safe.push_str(lead);
        match rest.strip_prefix("::") {
            Some(rest) => {
                safe.push_str("\\u{3a}:");
                safe.push_str(&rest.replace("##[", "#\\u{23}["));
            }
            None => safe.push_str(&rest.replace("##[", "#\\u{23}[")),
        }
    }
    safe
}

impl Source {
    /// Makes `text` safe; line ends and tabs stay, a `\r` before a line end vanishes.
    pub(crate) fn new(text: &str) -> Self {
        let mut safe = String::with_capacity(text.len());
        let mut shifts = Vec::new();
        for (at, character) in text.char_indices() {
            let keep = matches!(character, '\n' | '\t');
            let before = safe.len();
            push(&mut safe, character, keep);
            let gained = (safe.len() - before) - character.len_utf8();
            if gained > 0 {
                let end = at + character.len_utf8();
                let total = shifts.last().map_or(0, |(_, total)| *total) + gained;
                shifts.push((end, total));
            }
        }
        Self {
            text: safe,
            shifts,
            length: text.len(),
        }
    }

    /// The safe text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where a range of the original lies in the safe text. Never outside of it, never inside a
    /// character, never reversed.
    pub(crate) fn range(&self, original: &Range<usize>) -> Range<usize> {
        let start = self.offset(original.start);
        start..self.offset(original.end).max(start)
    }

    fn offset(&self, original: usize) -> usize {
        let original = original.min(self.length);
        let index = self.shifts.partition_point(|(end, _)| *end <= original);
        let gained = if index == 0 {
            0
        } else {
            self.shifts[index - 1].1
        };
        let mut offset = (original + gained).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn push(safe: &mut String, character: char, keep: bool) {
    if keep || !acts(character) {
        safe.push(character);
    } else {
        let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
    }
}

/// Characters that a terminal or a reader's eye would obey instead of show: controls, bidirectional
/// marks and overrides, zero-width and tag characters, line separators, the byte order mark.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Where a line's first visible character is: past white space and ANSI styles.
fn command_start(line: &str) -> usize {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0x1b {
            let Some(end) = line[at..].find('m') else {
                return at;
            };
            at += end + 1;
        } else if bytes[at].is_ascii_whitespace() {
            at += 1;
        } else {
            return at;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_overrides_are_shown_not_obeyed() {
        assert_eq!(
            line("a\u{1b}[31mb\u{202e}c\nd"),
            "a\\u{1b}[31mb\\u{202e}c\\u{a}d"
        );
        assert_eq!(line("Zürich 🦀 ::"), "Zürich 🦀 ::");
        assert_eq!(lines("a\n\tb\u{9b}"), "a\n\tb\\u{9b}");
    }

    #[test]
    fn ranges_follow_what_they_mark() {
        let original = "a\u{1b}b: \u{202e}cd\u{202c} é";
        let safe = Source::new(original);
        for needle in ["a", "b", "cd", "é", "\u{202e}cd"] {
            let start = original.find(needle).unwrap_or_default();
            let range = safe.range(&(start..start + needle.len()));
            assert_eq!(&safe.text()[range], line(needle));
        }
        assert_eq!(
            safe.range(&(400..500)),
            safe.text().len()..safe.text().len()
        );
    }

    #[test]
    fn no_line_begins_as_a_workflow_command() {
        let safe = without_commands("ok\n::error::x\n \u{1b}[1m::add-mask::y\na ##[command] b\n");
        assert_eq!(
            safe,
            "ok\n\\u{3a}:error::x\n \u{1b}[1m\\u{3a}:add-mask::y\na #\\u{23}[command] b\n"
        );
    }
}
