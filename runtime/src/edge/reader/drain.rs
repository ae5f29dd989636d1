//! How a reader stops in good order: nothing new is started, what is in flight ends, what waits is put
//! where it waits without us, what is finished is removed.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Reader;
use super::removal::removal;
use crate::clock;
use crate::edge::consumer::Consumer;
use crate::edge::item::{Item, Waiting, Work};
use crate::edge::publishing::Publishing;
use crate::retry::Lane;

const IN_FLIGHT: Duration = Duration::from_secs(10);
const LAST_REMOVAL: Duration = Duration::from_secs(2);

impl Reader {
    pub(super) fn begin_drain(&mut self) {
        self.drain_until = Some(Instant::now() + IN_FLIGHT);
        // Never started, and behind all that was: the next owner gets them.
        self.backlog.clear();
        self.stop_asking();
        let waiting = std::mem::take(&mut self.waiting);
        for Waiting { due, item } in waiting.into_sorted_vec() {
            if let Some(waiting) = self.keep(due, item) {
                self.waiting.push(waiting);
            }
        }
    }

    /// A message that waits before one that is finished would bring that one back with it; so it moves
    /// to a lane, behind. On a lane, one that no other has overtaken may stay where it is.
    fn keep(&self, due: Instant, mut item: Item) -> Option<Waiting> {
        let Work::Run(output) = &item.work else {
            return Some(Waiting { due, item });
        };
        if item.tries > 0 || !self.stage.delivers() {
            return Some(Waiting { due, item });
        }
        if self.lane.is_some() && !self.window.overtaken(&item.ticket) {
            return None;
        }
        let pause = due.saturating_duration_since(Instant::now());
        let millis = u64::try_from(pause.as_millis()).unwrap_or(0);
        item.work = Work::Move {
            output: output.clone(),
            lane: self.lane.unwrap_or(Lane::of(pause)),
            due_ms: clock::now_ms() + millis,
        };
        Some(Waiting {
            due: Instant::now(),
            item,
        })
    }

    pub(super) fn drained(&self, publishing: &Publishing) -> bool {
        publishing.len() == 0
            && self.deliveries.is_empty()
            && self.waiting.is_empty()
            && self.asking.is_none()
    }

    /// Removes what is finished, then the consumer.
    pub(super) async fn close(&mut self) {
        if let Some(under_way) = self.removal.take() {
            let _ = timeout(LAST_REMOVAL, under_way).await;
        }
        let floor = self.window.floor();
        if floor.finished > self.removed {
            let last = removal(&self.shared, &self.subject, floor);
            if !matches!(timeout(LAST_REMOVAL, last).await, Ok(Ok(()))) {
                let (flow, edge) = (&self.shared.flow, &self.shared.edge);
                tracing::warn!(event = "not_removed", %flow, %edge);
            }
        }
        if let Some(consumer) = self.consumer.take() {
            Consumer::remove(&self.shared.connection, consumer.name()).await;
        }
        if self.window.unfinished() > 0 {
            tracing::info!(event = "left_behind", flow = %self.shared.flow, edge = %self.shared.edge, messages = self.window.unfinished());
        }
    }
}
