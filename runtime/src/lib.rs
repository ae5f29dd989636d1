//! Executes flow programs, given an address, credentials and a name, and nothing else.
//!
//! `programs` watches what should run, `flow` makes one flow do so, `edge` owns and reads one durable
//! edge, `stage` is the pure part: bytes in, outputs out. See `docs/runtime.md`.
//!
//! How it stops: a signal cancels one token. Sources end first, then edges finish what is in flight
//! and let go of their leases; a second signal, or 25 seconds, ends the process as it stands.

mod clock;
pub mod connection;
pub mod connectors;
mod dead_letter;
mod edge;
mod flow;
mod health;
pub mod intake;
pub mod logs;
mod options;
mod programs;
pub mod relay;
mod retry;
mod run;
pub mod secrets;
mod serving;
mod stage;
pub mod status;

pub use options::Options;
pub use run::{Error, run};
