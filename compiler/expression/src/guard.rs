//! Limits that hold before VRL sees a text. VRL takes seconds to type a thousand operators and ends
//! the process, past any catching, on two thousand; so hostile text is measured here, in
//! microseconds and without recursion.

use crate::{Mistake, MistakeKind};

/// Bytes of an expression.
pub const MAX_BYTES: usize = 2048;
/// Brackets, braces and parentheses within each other.
pub const MAX_DEPTH: usize = 32;
/// Operators in an expression.
pub const MAX_OPERATORS: usize = 100;
/// Digits of a number.
const MAX_DIGITS: usize = 40;

/// Refuses text that is too large to be looked at.
pub(crate) fn measure(source: &str) -> Result<(), Mistake> {
    if source.len() > MAX_BYTES {
        let start = (0..=MAX_BYTES).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
        return Err(too_large(
            start..source.len(),
            format!("the expression has {} bytes, {MAX_BYTES} are allowed", source.len()),
        ));
    }
    let bytes = source.as_bytes();
    let (mut at, mut depth, mut operators) = (0, 0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at = match byte {
            b'"' => after_quoted(bytes, at + 1, b'"'),
            b'r' | b's' | b't' if bytes.get(at + 1) == Some(&b'\'') && !continues_word(bytes, at) => {
                after_quoted(bytes, at + 2, b'\'')
            }
            b'#' => bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length),
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(too_large(
                        start..start + 1,
                        format!("brackets are nested more than {MAX_DEPTH} levels deep"),
                    ));
                }
                at + 1
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b'!' => {
                operators += 1;
                at + 1
            }
            b'+' | b'*' | b'/' | b'-' | b'<' | b'>' | b'=' | b'|' | b'&' | b'?' => {
                operators += 1;
                // `==`, `&&`, `??` and the like are one operator; `!` is always one of its own.
                at + bytes[at..].iter().take_while(|byte| b"+*/-<>=|&?".contains(byte)).count()
            }
            b'0'..=b'9' if !continues_word(bytes, at) => {
                let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || b"._".contains(byte)).count();
                if length > MAX_DIGITS {
                    return Err(too_large(start..start + length, format!("a number has more than {MAX_DIGITS} digits")));
                }
                at + length
            }
            _ => at + 1,
        };
        if operators > MAX_OPERATORS {
            return Err(operators_exceeded(start..at));
        }
    }
    Ok(())
}

/// The mistake of too many operators.
pub(crate) fn operators_exceeded(span: std::ops::Range<usize>) -> Mistake {
    too_large(span, format!("the expression has more than {MAX_OPERATORS} operators"))
}

/// A mistake of size.
pub(crate) fn too_large(span: std::ops::Range<usize>, message: String) -> Mistake {
    Mistake {
        kind: MistakeKind::TooLarge,
        span,
        message,
        help: Some("split the work over several steps".to_owned()),
        fix: None,
    }
}

/// Whether the byte before continues a word, so that `r` in `for'` starts no literal.
fn continues_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric() || b"_@".contains(&bytes[before]))
}

fn after_quoted(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            _ if byte == quote => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}
