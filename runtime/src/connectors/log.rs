//! `log`: one JSON line on standard output a message.

mod config;
mod sink;
#[cfg(test)]
mod tests;

pub(super) use self::sink::Sink;
