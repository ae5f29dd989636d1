//! Diagnostics for people and for programs.

mod human;
mod json;

pub(crate) use human::{human, summary};
pub(crate) use json::findings;

use std::ops::Range;

/// A place in a text: both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// The place of a byte. Past the end: the end. Inside a character: its start.
pub(crate) fn place(text: &str, byte: usize) -> Place {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &text[..byte];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
    }
}

/// A span that lies in the text, on character boundaries, not reversed.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a: é\nb: c";
        assert_eq!(place(text, 0), Place { line: 1, column: 1 });
        assert_eq!(place(text, 5), Place { line: 1, column: 5 });
        assert_eq!(place(text, 6), Place { line: 2, column: 1 });
        assert_eq!(place(text, 900), Place { line: 2, column: 5 });
    }

    #[test]
    fn a_span_that_is_no_span_becomes_one() {
        #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
        let reversed = 4..2;
        assert_eq!(within("aéb", &reversed), 4..4);
        assert_eq!(within("aéb", &(2..99)), 1..4);
    }
}
