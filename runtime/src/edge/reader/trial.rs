//! After owners that ended without letting go: which messages they may have had under way, and how
//! these are worked on one at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{LANE_WINDOW, Reader, WINDOW};
use crate::edge::item::{Item, Waiting, Work};
use crate::edge::publishing::Publishing;
use crate::edge::trial::{ENDS, Trial, Turn};
use crate::edge::window::Ticket;

/// The pause before a message asks again for its turn.
const AGAIN: Duration = Duration::from_millis(250);

/// What the owner before may have had under way.
#[derive(Debug)]
pub(super) enum Found {
    /// Not known yet: no consumer was made.
    Unknown,
    /// So many are still to come, and these are not finished, by sequence.
    Open {
        coming: u64,
        unfinished: BTreeSet<u64>,
    },
    /// Nothing, or all of it is finished.
    Through,
}

/// A message that waits for its turn.
pub(super) struct Asking {
    item: Item,
    turn: BoxFuture<'static, Option<Turn>>,
}

impl Found {
    pub(super) fn new(trial: &Trial) -> Self {
        if trial.is_clean() {
            Self::Through
        } else {
            Self::Unknown
        }
    }
}

impl Reader {
    /// So many messages waited when the first consumer was made. The owner before can have had no
    /// more of them than fit a window.
    pub(super) fn found(&mut self, waiting: u64) {
        if matches!(self.found, Found::Unknown) {
            let window = self.lane.map_or(WINDOW, |_| LANE_WINDOW) as u64;
            self.found = Found::Open {
                coming: waiting.min(window),
                unfinished: BTreeSet::new(),
            };
            self.see_whether_through();
        }
    }

    /// A message has come; one that is not due yet was not under way.
    pub(super) fn found_one(&mut self, sequence: u64, due: bool) {
        if let Found::Open { coming, unfinished } = &mut self.found
            && *coming > 0
        {
            *coming -= 1;
            if due {
                unfinished.insert(sequence);
            }
            self.see_whether_through();
        }
    }

    /// Finishes a ticket.
    pub(super) fn finish_ticket(&mut self, ticket: Ticket) {
        if !matches!(self.found, Found::Open { .. }) {
            self.window.finish(ticket);
            return;
        }
        let sequence = self.window.input(&ticket).sequence;
        let whole = self.window.finish(ticket);
        if let Found::Open { unfinished, .. } = &mut self.found
            && whole
            && unfinished.remove(&sequence)
        {
            self.see_whether_through();
        }
    }

    fn see_whether_through(&mut self) {
        if let Found::Open {
            coming: 0,
            unfinished,
        } = &self.found
            && unfinished.is_empty()
        {
            self.found = Found::Through;
            self.claim.trial.reader_is_through();
        }
    }

    /// Whether nothing may begin because another message has its turn, or waits for it.
    pub(super) fn waits_for_turn(&mut self, publishing: &Publishing) -> bool {
        let busy = publishing.len() > 0 || !self.deliveries.is_empty();
        if !busy {
            // Other readers of the edge come next.
            self.turn = None;
        }
        self.asking.is_some() || (busy && self.turn.is_some())
    }

    /// Starts an item, at once or when it is its turn.
    pub(super) async fn begin(&mut self, item: Item, publishing: &mut Publishing) {
        let sequence = self.window.input(&item.ticket).sequence;
        if let Some(leftover) = &self.stage.leftover
            && sequence > leftover.last
        {
            // It may belong to a newer program: it stays, and this edge ends here.
            self.stop.cancel();
            return;
        }
        if matches!(self.found, Found::Through) || !self.claim.trial.singly() {
            return self.start(item, publishing).await;
        }
        let turn = Arc::clone(&self.claim).turn(sequence).boxed();
        self.asking = Some(Asking { item, turn });
    }

    /// The message that asked has its turn, or could not be noted.
    pub(super) async fn has_turn(&mut self, turn: Option<Turn>, publishing: &mut Publishing) {
        let Some(Asking { item, .. }) = self.asking.take() else {
            return;
        };
        if turn.is_none() {
            let due = Instant::now() + AGAIN;
            self.waiting.push(Waiting { due, item });
            return;
        }
        self.turn = turn;
        let sequence = self.window.input(&item.ticket).sequence;
        if !self.claim.trial.convicts(sequence) {
            return self.start(item, publishing).await;
        }
        let (flow, edge) = (&self.shared.flow, &self.shared.edge);
        tracing::error!(event = "message_ends_process", %flow, %edge, sequence, ends = ENDS);
        let output = match &item.work {
            Work::Run(output) | Work::GiveUp { output, .. } | Work::Move { output, .. } => {
                output.clone()
            }
        };
        // Which of several outputs it is, or which step, nobody has lived to tell.
        let sole = match self.stage.outputs.as_slice() {
            [sole] => Some(Arc::clone(&sole.name)),
            _ => None,
        };
        let error = format!("the process ended {ENDS} times while it was being worked on");
        let failed = self.failed(output.as_ref().or(sole.as_ref()).map(|o| &**o), &error);
        self.give_up(item, failed, output, publishing).await;
    }

    /// Stopping: a message that waits for its turn waits like others if it was tried before; else the
    /// next owner gets it.
    pub(super) fn stop_asking(&mut self) {
        if let Some(Asking { item, .. }) = self.asking.take()
            && (item.attempts > 0 || item.tries > 0)
        {
            let due = Instant::now();
            self.waiting.push(Waiting { due, item });
        }
    }
}

/// The turn, when it comes.
pub(super) async fn turn(asking: &mut Option<Asking>) -> Option<Turn> {
    match asking {
        Some(asking) => asking.turn.as_mut().await,
        None => std::future::pending().await,
    }
}
