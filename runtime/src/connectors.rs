//! The builtin connectors.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vrsky_expression::Message;

use crate::intake::Intake;

/// A flow that cannot run as things are: a missing secret, a port in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Blocked {
    /// One sentence, without secrets.
    pub reason: String,
    /// The field path in the Flow, such as `spec.source.with.verify`.
    pub path: Option<String>,
}

/// What became of one attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has acknowledged.
    Delivered,
    /// It may work later.
    Retry {
        /// One line, without payload and secrets.
        reason: String,
        /// The pause that the other side asked for.
        after: Option<Duration>,
    },
    /// It will never work.
    Reject {
        /// One line, without payload and secrets.
        reason: String,
    },
}

/// A source that is ready to run.
#[derive(Debug)]
pub enum Source {}

impl Source {
    /// True for sources of which only one may run (schedule, file): the engine holds a lease.
    pub fn singleton(&self) -> bool {
        match *self {}
    }

    /// Runs until `stop`; returns when what was under way is stored.
    pub async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), Blocked> {
        let _ = (intake, stop);
        match *self {}
    }
}

/// A sink that is ready to deliver. Shared by concurrent deliveries.
#[derive(Debug)]
pub enum Sink {}

impl Sink {
    /// One attempt. `id` is the message's id (idempotency key). Bounded in time by the sink itself.
    pub async fn deliver(&self, message: &mut Message, id: &str) -> Outcome {
        let _ = (message, id);
        match *self {}
    }
}
