//! The broker against a real nats-server: each test starts its own on a free port.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod accounts;
mod applies;
mod cluster;
mod dead_letters;
mod edges;
mod grants;
mod isolation;
mod old_server;
mod plans;
mod platform;
mod revocation;
mod support;
