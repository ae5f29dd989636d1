//! Stories that run the real product: real nats-server, real processes. One file per story in
//! `tests/`; here is what they, `cargo xtask demo` and the benchmarks share.
//!
//! A story is told with a [`Folder`] of manifests, a [`Dev`] server on it, a [`Receiver`] that takes
//! what the flows send, a [`poster`] that sends, and a [`Ledger`] that judges. Every wait is bounded,
//! and every process that was started is ended, by pid.

pub mod cache;
pub mod chart;
pub mod cluster;
pub mod dev;
pub mod event;
pub mod folder;
pub mod fulfilment;
pub mod git;
pub mod gitops;
pub mod image;
pub mod installed;
pub mod ledger;
pub mod orders;
pub mod poster;
pub mod process;
pub mod program;
pub mod receiver;
pub mod signature;
pub mod warehouse;

pub use dev::Dev;
pub use folder::Folder;
pub use git::Repository;
pub use installed::Installed;
pub use ledger::{Expected, Ledger, Verdict};
pub use receiver::{Answer, Receiver, Request};

use std::time::{Duration, Instant};

/// Asks every 100 ms until something holds, for a minute at most; for tests that are not async.
///
/// # Panics
/// When the minute is over, with `what` does not hold.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Asks every 10 ms until there is an answer, at most for `limit`.
pub async fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
