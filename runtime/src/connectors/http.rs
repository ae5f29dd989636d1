//! `http`: sends each message as a request.

pub(super) mod client;
mod config;
mod request;
mod sink;
#[cfg(test)]
mod tests;
mod text;

pub(super) use self::sink::Sink;
