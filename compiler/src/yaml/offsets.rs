//! From a place in a scalar's decoded text to the bytes of the file.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::Scalar;

/// The bytes in the file of `inside`, a range of the scalar's decoded text. `span` are the bytes of
/// the scalar. Quotes, escapes, indentation and folded line ends are stepped over.
pub(crate) fn locate(
    text: &str,
    span: &Range<usize>,
    scalar: &Scalar,
    inside: &Range<usize>,
) -> Range<usize> {
    let body = &text[span.clone()];
    let mut source = Source {
        body,
        at: start(body, scalar.style),
        style: scalar.style,
        indent: 0,
    };
    source.indent = source.first_indent();
    let mut first = None;
    let mut last = None;
    for (offset, character) in scalar.text.char_indices() {
        let Some(range) = source.step(character) else {
            break;
        };
        if offset >= inside.start && first.is_none() {
            first = Some(range.start);
            last = Some(range.start);
        }
        if offset >= inside.end {
            break;
        }
        if first.is_some() {
            last = Some(range.end);
        }
    }
    if let (Some(first), Some(last)) = (first, last) {
        return span.start + first..span.start + last.max(first);
    }
    let end = span.start + body.trim_end().len();
    end..end
}

fn start(body: &str, style: ScalarStyle) -> usize {
    match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            usize::from(body.starts_with(['\'', '"']))
        }
        ScalarStyle::Literal | ScalarStyle::Folded => {
            if body.starts_with(['|', '>']) {
                body.find('\n').map_or(body.len(), |end| end + 1)
            } else {
                0
            }
        }
    }
}

struct Source<'a> {
    body: &'a str,
    at: usize,
    style: ScalarStyle,
    indent: usize,
}

impl Source<'_> {
    fn block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// Steps over the indentation of a block scalar's first line, and says how much it is.
    fn first_indent(&mut self) -> usize {
        if !self.block() {
            return 0;
        }
        let line = self.body[self.at..]
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("");
        let mut indent = line.len() - line.trim_start_matches(' ').len();
        if self.at == 0 {
            // The text starts behind its first indentation: what is before it is the indentation of
            // all other lines.
            indent = self
                .body
                .lines()
                .skip(1)
                .filter(|line| !line.trim().is_empty())
                .map(|line| line.len() - line.trim_start_matches(' ').len())
                .min()
                .unwrap_or(0);
        } else {
            self.skip_indent(indent);
        }
        indent
    }

    fn skip_indent(&mut self, indent: usize) {
        let rest = &self.body[self.at..];
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        self.at += spaces.min(indent);
    }

    fn peek(&self) -> Option<char> {
        self.body[self.at..].chars().next()
    }

    /// The bytes that decode to `wanted`.
    fn step(&mut self, wanted: char) -> Option<Range<usize>> {
        loop {
            let start = self.at;
            let character = self.peek()?;
            if character == '\r' {
                self.at += 1;
                continue;
            }
            if self.style == ScalarStyle::DoubleQuoted && character == '\\' {
                if self.escape() {
                    return Some(start..self.at);
                }
                continue;
            }
            self.at += character.len_utf8();
            if character == '\n' {
                if self.block() {
                    self.skip_indent(self.indent);
                } else {
                    let rest = &self.body[self.at..];
                    self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
                }
                if wanted == '\n' || wanted == ' ' {
                    return Some(start..start + 1);
                }
                continue;
            }
            if self.style == ScalarStyle::SingleQuoted
                && character == '\''
                && self.peek() == Some('\'')
            {
                self.at += 1;
            }
            if character == wanted {
                return Some(start..self.at);
            }
        }
    }

    /// Steps over an escape; false for one that stands for nothing (an escaped line end).
    fn escape(&mut self) -> bool {
        self.at += 1;
        let Some(kind) = self.peek() else {
            return true;
        };
        self.at += kind.len_utf8();
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        self.at = (self.at + digits).min(self.body.len());
        while !self.body.is_char_boundary(self.at) {
            self.at -= 1;
        }
        if kind == '\n' {
            let rest = &self.body[self.at..];
            self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::locate;
    use crate::yaml::{Value, read};

    /// Finds `needle` in the decoded text of field `a`, and says what stands at that place.
    fn spot(text: &str, needle: &str) -> String {
        let read = read(text);
        let node = read.documents[0].root.field("a").unwrap();
        let Value::Scalar(scalar) = &node.value else {
            panic!("not a scalar");
        };
        let at = scalar.text.find(needle).unwrap();
        let range = locate(text, &node.span, scalar, &(at..at + needle.len()));
        text[range].to_owned()
    }

    #[test]
    fn places_survive_every_style() {
        assert_eq!(spot("a: .x == .yyy\n", ".yyy"), ".yyy");
        assert_eq!(spot("a: '.x == ''s'' + .yyy'\n", ".yyy"), ".yyy");
        assert_eq!(spot("a: \"\\u0041 \\\"s\\\" .yyy\"\n", ".yyy"), ".yyy");
        assert_eq!(
            spot("a: |\n  .x = 1\n    .z = 2\n  .yyy\nb: 1\n", ".yyy"),
            ".yyy"
        );
        assert_eq!(
            spot("a: |-\r\n  .x = 1\r\n  .yyy\r\nb: 1\r\n", ".yyy"),
            ".yyy"
        );
        assert_eq!(spot("a: >\n  .x =\n  1\n\n  .yyy\nb: 1\n", ".yyy"), ".yyy");
    }
}
