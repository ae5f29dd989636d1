//! Bytes into messages: one JSON document, one a line, or one a CSV row (RFC 4180).
//!
//! Memory is bounded by the longest message: a longer one is skipped to its end and reported.

mod fields;
mod lines;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use bytes::Bytes;
use serde::de::IgnoredAny;
use vrsky_plan::program::Decode;

use self::lines::{Line, Lines};

/// One message's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Where it begins, from 1.
    pub line: u64,
    /// Its JSON, or what came instead of JSON. Absent: it is larger than the limit.
    pub payload: Option<Bytes>,
}

/// An iterator over the messages in `source`.
pub(super) struct Records<R> {
    decode: Decode,
    limit: usize,
    lines: Lines<R>,
    header: Option<Vec<String>>,
}

impl<R: Read> Records<R> {
    /// `limit`: the largest payload in bytes.
    pub(super) fn new(decode: Decode, source: R, limit: usize) -> Self {
        let lines = match decode {
            Decode::Json => Lines::whole(source, limit),
            Decode::Ndjson => Lines::new(source, limit),
            Decode::Csv => Lines::quoted(source, limit),
        };
        Self {
            decode,
            limit,
            lines,
            header: None,
        }
    }

    fn record(&mut self, line: Line) -> Option<Record> {
        let number = line.number;
        let Some(bytes) = line.bytes else {
            if self.decode == Decode::Csv && self.header.is_none() {
                self.header = Some(Vec::new());
            }
            return Some(Record {
                line: number,
                payload: None,
            });
        };
        let payload = if self.decode == Decode::Csv {
            let Some(header) = &self.header else {
                self.header = Some(fields::split(&bytes).unwrap_or_default());
                return None;
            };
            row(header, bytes)
        } else {
            bytes
        };
        let payload = (payload.len() <= self.limit).then(|| payload.into());
        Some(Record {
            line: number,
            payload,
        })
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.next()? {
                Ok(line) => {
                    if let Some(record) = self.record(line) {
                        return Some(Ok(record));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A row as an object of strings. A row that does not fit the header stays as it came, so that the
/// first stage dead-letters it; one that happens to read as JSON is marked, or it would pass.
fn row(header: &[String], bytes: Vec<u8>) -> Vec<u8> {
    if let Some(values) = fields::split(&bytes)
        && values.len() == header.len()
    {
        return object(header, &values);
    }
    if serde_json::from_slice::<IgnoredAny>(&bytes).is_ok() {
        return [b"row: ", bytes.as_slice()].concat();
    }
    bytes
}

/// The fields in the order of the header; of two columns with one name, the last.
fn object(header: &[String], values: &[String]) -> Vec<u8> {
    let mut json = String::from("{");
    for (index, (name, value)) in header.iter().zip(values).enumerate() {
        if header[index + 1..].contains(name) {
            continue;
        }
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(name.as_str()).to_string());
        json.push(':');
        json.push_str(&serde_json::Value::from(value.as_str()).to_string());
    }
    json.push('}');
    json.into_bytes()
}
