//! `generate`: messages at a steady pace, for trials and load.

mod config;
mod source;

pub(super) use self::source::Source;
