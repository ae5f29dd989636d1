//! The broker against a real nats-server: each test starts its own on a free port.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod applies;
mod support;
