//! `file` as a sink: appends one JSON document a line, on disk before it is acknowledged.

mod appender;
mod config;
mod sink;
#[cfg(test)]
mod tests;

pub(super) use self::sink::Sink;
