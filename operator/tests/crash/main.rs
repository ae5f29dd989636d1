//! The operator is killed before and after every write, and users do everything wrong. In process:
//! against a model of the API server, whose answers are compared with the real one's, and a real
//! nats-server.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod gate;
mod lane;
mod misoperation;
mod model;
mod points;
mod scale;
mod scenarios;
mod semantics;
mod state;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whoever panicked with it is told of by its own test.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
