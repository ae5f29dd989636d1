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
        let start = (0..=MAX_BYTES)
            .rev()
            .find(|at| source.is_char_boundary(*at))
            .unwrap_or(0);
        return Err(too_large(
            start..source.len(),
            format!(
                "the expression has {} bytes, {MAX_BYTES} are allowed",
                source.len()
            ),
        ));
    }
    let bytes = source.as_bytes();
    let (mut at, mut depth, mut operators) = (0, 0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at = match byte {
            b'"' => after_quoted(bytes, at + 1, b'"'),
            b'r' | b's' | b't'
                if bytes.get(at + 1) == Some(&b'\'') && !continues_word(bytes, at) =>
            {
                after_quoted(bytes, at + 2, b'\'')
            }
            b'#' => bytes[at..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(bytes.len(), |length| at + length),
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
                at + bytes[at..]
                    .iter()
                    .take_while(|byte| b"+*/-<>=|&?".contains(byte))
                    .count()
            }
            b'0'..=b'9' if !continues_word(bytes, at) => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit() || b"._".contains(byte))
                    .count();
                if length > MAX_DIGITS {
                    return Err(too_large(
                        start..start + length,
                        format!("a number has more than {MAX_DIGITS} digits"),
                    ));
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
    too_large(
        span,
        format!("the expression has more than {MAX_OPERATORS} operators"),
    )
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

/// What a regular expression may cost to compile: characters, classes more, repetitions as often as
/// they repeat. Measured: a thousand repetitions of two Unicode classes take a quarter of a second.
const PATTERN: u64 = 3000;

/// Whether a regular expression compiles soon.
pub(crate) fn is_modest_pattern(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    // The cost of each open group, and of the last thing in it.
    let mut groups: Vec<(u64, u64)> = vec![(0, 0)];
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let cost = match byte {
            b'(' => {
                if groups.len() > MAX_DEPTH {
                    return false;
                }
                groups.push((0, 0));
                continue;
            }
            b')' => match groups.pop() {
                Some((sum, last)) if !groups.is_empty() => sum.saturating_add(last).max(1),
                // Unbalanced; the compiler of regular expressions says so.
                _ => return true,
            },
            b'{' => {
                let length = bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'}')
                    .unwrap_or(0);
                let most = pattern[at..at + length]
                    .split(',')
                    .filter_map(|count| count.trim().parse::<u64>().ok())
                    .max();
                at += length;
                if let (Some(most), Some((_, last))) = (most, groups.last_mut()) {
                    *last = last.saturating_mul(most.max(1));
                }
                continue;
            }
            b'[' => 40,
            b'\\' => {
                at += 1;
                match bytes.get(at - 1) {
                    Some(b'p' | b'P') => 40,
                    Some(b'w' | b'W' | b'd' | b'D' | b's' | b'S' | b'b' | b'B') => 20,
                    _ => 1,
                }
            }
            b'.' => 10,
            _ => 1,
        };
        if let Some((sum, last)) = groups.last_mut() {
            *sum = sum.saturating_add(*last);
            *last = cost;
        }
    }
    let total = groups.iter().fold(0u64, |total, (sum, last)| {
        total.saturating_add(*sum).saturating_add(*last)
    });
    total <= PATTERN
}

/// Whether the byte before continues a word, so that `r` in `for'` starts no literal.
fn continues_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        bytes[before].is_ascii_alphanumeric() || b"_@".contains(&bytes[before])
    })
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
