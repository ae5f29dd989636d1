//! `http`: sends each message as a request.

pub(super) mod client;
mod config;
mod request;
mod sink;
mod text;
#[cfg(test)]
mod tests;

pub(super) use self::sink::Sink;
