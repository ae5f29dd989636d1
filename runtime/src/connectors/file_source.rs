//! `file` as a source: watches a folder; each file is taken in once, then moved away.
//!
//! On stop, what is under way is stored and the place is written down, so that the next run goes on
//! there. After a crash the file is read again: its messages have the same ids.

mod config;
mod found;
mod glob;
mod progress;
mod reading;
mod source;
#[cfg(test)]
mod tests;

pub(super) use self::source::Source;
