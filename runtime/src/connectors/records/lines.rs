//! Lines of bounded length, with their numbers.

use std::io::{self, BufRead, BufReader, Read};

/// The mark that some programs put at the beginning of UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, without its line break.
pub(super) struct Line {
    /// From 1: where it begins.
    pub number: u64,
    /// Absent: it is longer than the limit.
    pub bytes: Option<Vec<u8>>,
}

/// An iterator over lines; empty ones are left out.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
    ends: Ends,
    next_number: u64,
}

/// What ends a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The end of the source.
    Source,
    /// A line break.
    Break,
    /// A line break outside quotes, as in CSV.
    UnquotedBreak,
}

/// Where in a CSV row the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
}

impl<R: Read> Lines<R> {
    /// All of the source as one line.
    pub(super) fn whole(source: R, limit: usize) -> Self {
        Self::with(source, limit, Ends::Source)
    }

    /// Lines of at most `limit` bytes.
    pub(super) fn new(source: R, limit: usize) -> Self {
        Self::with(source, limit, Ends::Break)
    }

    /// CSV rows of at most `limit` bytes: a quoted field may contain line breaks.
    pub(super) fn quoted(source: R, limit: usize) -> Self {
        Self::with(source, limit, Ends::UnquotedBreak)
    }

    fn with(source: R, limit: usize, ends: Ends) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, source);
        Self {
            reader,
            limit,
            ends,
            next_number: 1,
        }
    }

    /// Reads to the end of one line, keeping no more than the limit. None: the source is at its end.
    fn read(&mut self) -> io::Result<Option<Line>> {
        let number = self.next_number;
        let mut bytes = Vec::new();
        let mut length = 0;
        let mut place = Place::FieldStart;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = match self.ends {
                Ends::Source => None,
                Ends::Break => available.iter().position(|&byte| byte == b'\n'),
                Ends::UnquotedBreak => unquoted_break(available, &mut place),
            };
            let taken = end.map_or(available.len(), |end| end + 1);
            let text = &available[..taken];
            self.next_number += text.split(|&byte| byte == b'\n').skip(1).count() as u64;
            length += taken;
            // Two more than the limit: the line break is no part of the line.
            if length <= self.limit.saturating_add(2) {
                bytes.extend_from_slice(text);
            } else {
                bytes = Vec::new();
            }
            self.reader.consume(taken);
            if end.is_some() {
                break;
            }
        }
        let whole = bytes.len() == length;
        if whole && self.ends != Ends::Source {
            if number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if bytes.ends_with(b"\n") {
                bytes.pop();
            }
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        let bytes = (whole && bytes.len() <= self.limit).then_some(bytes);
        Ok(Some(Line { number, bytes }))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.read() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            let blank = |bytes: &Vec<u8>| {
                bytes.iter().all(u8::is_ascii_whitespace) && self.ends != Ends::Source
            };
            if !line.bytes.as_ref().is_some_and(blank) {
                return Some(Ok(line));
            }
        }
    }
}

/// The first line break outside quotes. A quote opens only at a field's start; a doubled one closes
/// and opens again.
fn unquoted_break(bytes: &[u8], place: &mut Place) -> Option<usize> {
    for (index, byte) in bytes.iter().enumerate() {
        *place = match (*place, byte) {
            (Place::FieldStart | Place::Plain, b'\n') => return Some(index),
            (Place::Quoted, b'"') | (Place::FieldStart | Place::Plain, b',') => Place::FieldStart,
            (Place::FieldStart, b'"') | (Place::Quoted, _) => Place::Quoted,
            (Place::FieldStart | Place::Plain, _) => Place::Plain,
        };
    }
    None
}
