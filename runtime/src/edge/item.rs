//! What is still to be done with a message.

use std::cmp::Ordering;
use std::sync::Arc;

use tokio::time::Instant;

use super::window::Ticket;
use crate::retry::Lane;
use crate::stage::Failed;

/// One piece of work on a message. Who drops it leaves the message unfinished.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) ticket: Ticket,
    pub(crate) work: Work,
    /// Attempts at the sink so far.
    pub(crate) attempts: u32,
    /// How often the broker did not take it. More than 0: it counts as pressure.
    pub(crate) tries: u32,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Work {
    /// Run the stage, for all outputs or for one.
    Run(Option<Arc<str>>),
    /// Write it off: to the error branch or the dead letters.
    GiveUp {
        failed: Failed,
        output: Option<Arc<str>>,
    },
    /// Put it onto a lane, due then, in milliseconds since 1970.
    Move {
        output: Option<Arc<str>>,
        lane: Lane,
        due_ms: u64,
    },
}

/// An item that waits for a time. The earliest is the greatest, as heaps want it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) due: Instant,
    pub(crate) item: Item,
}

impl Item {
    /// A message that was not started.
    pub(crate) fn fresh(ticket: Ticket, output: Option<Arc<str>>, attempts: u32) -> Self {
        Self {
            ticket,
            work: Work::Run(output),
            attempts,
            tries: 0,
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, &other.item.ticket).cmp(&(self.due, &self.item.ticket))
    }
}
