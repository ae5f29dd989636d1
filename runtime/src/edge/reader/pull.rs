//! How messages come: a consumer made for this ownership, asked for more while there is room.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use tokio::time::Instant;
use vrsky_plan::header;

use super::{BYTES, End, LANE_BYTES, LANE_WINDOW, Reader, TURN, WAITING, WINDOW, ready};
use crate::connection::Refusal;
use crate::edge::consumer::{Arrival, Batch, Consumer};
use crate::edge::input::Input;
use crate::edge::item::{Item, Waiting};
use crate::retry::Lane;
use crate::status::lock;

impl Reader {
    /// A lane on which nothing waits has no consumer: most never need one.
    pub(super) async fn idle_lane(&mut self) -> Option<End> {
        let lane = self.lane?;
        let mut looked = false;
        loop {
            if !self.stage.has_lanes() {
                self.found(0);
            } else if !looked {
                let name = self.consumer_name(self.claim.epoch);
                let made = Consumer::make(&self.shared.connection, name, &self.subject, 0).await;
                match made {
                    Ok((consumer, 0)) => {
                        self.reopened = true;
                        looked = true;
                        self.found(0);
                        Consumer::remove(&self.shared.connection, consumer.name()).await;
                    }
                    Ok((consumer, waiting)) => {
                        self.reopened = true;
                        self.found(waiting);
                        self.opened(consumer);
                        return None;
                    }
                    // The loop tries again, with bounds and words.
                    Err(_) => return None,
                }
            }
            tokio::select! {
                () = self.claim.lost.cancelled() => return Some(End::Lost),
                () = self.stop.cancelled() => return Some(End::Stopped),
                () = self.shared.lanes[lane as usize].notified() => return None,
                Ok(()) = self.stages.changed() => self.stage = Arc::clone(&self.stages.borrow_and_update()),
            }
        }
    }

    fn consumer_name(&self, epoch: u64) -> String {
        let suffix = self.lane.map_or("", Lane::suffix);
        format!(
            "{}_{}{suffix}-{epoch}",
            self.shared.flow.token(),
            self.shared.edge
        )
    }

    /// Makes a consumer where there is none, each with an epoch of its own.
    pub(super) async fn open(&mut self) {
        if self.consumer.is_some() || self.drain_until.is_some() || Instant::now() < self.open_at {
            return;
        }
        let epoch = if self.reopened {
            self.claim.next_epoch().await
        } else {
            Some(self.claim.epoch)
        };
        let first = !self.reopened;
        self.reopened = true;
        let Some(epoch) = epoch else {
            return self.open_later();
        };
        let connection = &self.shared.connection;
        let name = self.consumer_name(epoch);
        let after = self.window.highest();
        match Consumer::make(connection, name, &self.subject, after).await {
            Ok((consumer, waiting)) => {
                tracing::debug!(event = "edge_opened", consumer = consumer.name(), waiting);
                self.opened(consumer);
                self.found(waiting);
                self.open_failures = 0;
                if first && self.claim.before > 0 {
                    self.remove_consumer(self.consumer_name(self.claim.before));
                }
            }
            Err(reason) => {
                let (flow, edge) = (&self.shared.flow, &self.shared.edge);
                tracing::warn!(event = "edge_not_opened", %flow, %edge, %reason);
                if matches!(reason, Refusal::Denied(_)) {
                    self.shared.status.trouble("", &reason.to_string());
                }
                self.open_later();
            }
        }
    }

    fn opened(&mut self, consumer: Consumer) {
        let place = self.lane.map_or("", Lane::suffix);
        lock(&self.shared.edge_status.consumers).insert(place, consumer.name().to_owned());
        self.consumer = Some(consumer);
    }

    fn open_later(&mut self) {
        self.open_at = Instant::now() + crate::retry::pressure(self.open_failures);
        self.open_failures += 1;
    }

    /// Goes on with a new consumer behind what was received; what is in flight stays in flight.
    pub(super) fn reopen(&mut self, reason: &str) {
        if let Some(consumer) = self.consumer.take() {
            let (flow, edge) = (&self.shared.flow, &self.shared.edge);
            tracing::info!(event = "edge_reopened", %flow, %edge, reason);
            self.remove_consumer(consumer.name().to_owned());
        }
    }

    /// If it was our asking for more that was denied: asks again later, with another consumer.
    pub(super) fn pull_denied(&mut self, subject: &str) {
        let ours = |consumer: &Consumer| consumer.asks_at() == subject;
        if self.consumer.as_ref().is_some_and(ours) {
            let reason = Refusal::Denied(subject.to_owned()).to_string();
            self.shared.status.trouble("", &reason);
            self.reopen(&reason);
            self.open_later();
        }
    }

    fn remove_consumer(&self, name: String) {
        let connection = self.shared.connection.clone();
        tokio::spawn(async move { Consumer::remove(&connection, &name).await });
    }

    /// Asks for more while there is room for it.
    pub(super) fn ask(&mut self) {
        let (window, bytes, messages) = match self.lane {
            // All partitions together may be read by one process.
            None => (
                WINDOW,
                BYTES / self.stage.program.partitions.max(1) as usize,
                500,
            ),
            Some(_) => (LANE_WINDOW, LANE_BYTES, 64),
        };
        let calm = self.drain_until.is_none()
            && self.pressed == 0
            && (self.lane.is_some() || self.waiting.len() < WAITING)
            && self.backlog.len() < messages * 2;
        let Some(consumer) = self.consumer.as_mut().filter(|_| calm) else {
            return;
        };
        if consumer.asked() > messages / 2 {
            return;
        }
        let largest = self.stage.max_payload + 64 * 1024;
        let batch = Batch {
            messages,
            bytes: largest.max(bytes / 4),
        };
        let promised = consumer.asked().div_ceil(messages) * batch.bytes;
        let held = self.window.bytes() + promised;
        let room = self.window.len() + consumer.asked() + messages <= window
            && (held == 0 || held + batch.bytes <= bytes);
        if room && !consumer.ask(batch) {
            // The connection is busy or away; `wake` tries again soon.
            tracing::debug!(event = "pull_postponed", consumer = consumer.name());
        }
    }

    pub(super) fn arrived(&mut self, arrival: Option<Message>) {
        let mut next = arrival;
        if next.is_none() {
            return self.reopen("the subscription ended");
        }
        for _ in 0..TURN {
            let Some(message) = next else { break };
            let Some(consumer) = self.consumer.as_mut() else {
                return;
            };
            match consumer.sort(message) {
                Arrival::Ended => {}
                Arrival::Broken(reason) => return self.reopen(&reason),
                Arrival::Message(message) => {
                    let Some(input) = Input::read(message) else {
                        return self.reopen("a delivery without a place");
                    };
                    if !consumer.follows(input.delivery) {
                        return self.reopen("a delivery is missing");
                    }
                    self.receive(input);
                }
            }
            next = self
                .consumer
                .as_mut()
                .and_then(|consumer| ready(&mut consumer.deliveries));
        }
    }

    fn receive(&mut self, input: Input) {
        let due = self.lane.is_none() || input.due() <= crate::clock::now_ms();
        self.found_one(input.sequence, due);
        if self.lane.is_none() {
            let ticket = self.window.receive(input);
            self.backlog.push_back(ticket);
            return;
        }
        // Where there is no sink any more, there is nothing to wait for.
        let due = if self.stage.removed().is_some() {
            0
        } else {
            input.due()
        };
        let pause = Duration::from_millis(due.saturating_sub(crate::clock::now_ms()));
        let output = input.header(header::OUTPUT).map(Into::into);
        let attempts = input.attempts();
        let ticket = self.window.receive(input);
        self.waiting.push(Waiting {
            due: Instant::now() + pause,
            item: Item::fresh(ticket, output, attempts),
        });
    }
}
