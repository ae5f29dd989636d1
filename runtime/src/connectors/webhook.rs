//! `webhook`: takes messages in over HTTP, acknowledged once they are stored.
//!
//! One [`listener::Listener`] serves the process. A source claims its path when it is opened and gives
//! it back when it is dropped; while it runs, requests are taken in, else they are answered 503.

mod config;
mod identity;
pub(super) mod listener;
mod request;
mod routes;
mod signature;
mod source;
#[cfg(test)]
mod tests;

pub(super) use self::source::Source;
