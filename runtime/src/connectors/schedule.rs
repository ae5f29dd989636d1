//! `schedule`: a message at every instant of a cron expression.

mod config;
mod source;
#[cfg(test)]
mod tests;

pub(super) use self::source::Source;
