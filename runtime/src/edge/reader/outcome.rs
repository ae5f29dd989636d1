//! What follows from an answer of the broker or of a sink.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::{Attempt, Reader};
use crate::clock;
use crate::connection::Refusal;
use crate::connectors::Outcome;
use crate::edge::item::{Item, Waiting, Work};
use crate::edge::publishing::{Publishing, Purpose, Settled};
use crate::retry::{self, IN_PROCESS, Lane};
use crate::stage::Failed;
use crate::status::count;

impl Reader {
    /// Finishes an item: all that it stood for is stored or acknowledged elsewhere.
    pub(super) fn finish(&mut self, item: Item) {
        self.pressed -= usize::from(item.tries > 0);
        self.finish_ticket(item.ticket);
    }

    /// A publish is over.
    pub(super) async fn settled(&mut self, settled: Settled, publishing: &mut Publishing) {
        let Settled {
            mut item,
            purpose,
            result,
        } = settled;
        match result {
            Ok(()) => {
                self.stored(&purpose);
                self.finish(item);
            }
            Err(Refusal::TooLarge) if matches!(purpose, Purpose::Output(_)) => {
                let Work::Run(output) = &item.work else {
                    return;
                };
                let output = output.clone();
                let failed = self.failed(output.as_deref(), "the message is larger than allowed");
                self.pressed -= usize::from(item.tries > 0);
                item.tries = 0;
                self.give_up(item, failed, output, publishing).await;
            }
            Err(refusal) => self.pressed_by(item, &purpose, &refusal),
        }
    }

    fn stored(&self, purpose: &Purpose) {
        let status = &self.shared.status;
        match purpose {
            Purpose::Output(None) => {}
            Purpose::Output(Some(delivered)) => count(delivered),
            Purpose::Errored => count(&status.errored),
            Purpose::Lane(lane) => self.shared.lanes[*lane as usize].notify_one(),
            Purpose::DeadLetter => {
                count(&status.dead_lettered);
                if status.slow().stuck.is_some() {
                    status.set(|slow| slow.stuck = None);
                }
            }
        }
    }

    /// The broker did not take it: wait, and start nothing new meanwhile.
    fn pressed_by(&mut self, mut item: Item, purpose: &Purpose, refusal: &Refusal) {
        let status = &self.shared.status;
        let (flow, edge) = (&self.shared.flow, &self.shared.edge);
        if item.tries == 0 {
            self.pressed += 1;
            tracing::warn!(event = "pressed_back", %flow, %edge, ?purpose, %refusal);
        }
        if matches!(purpose, Purpose::DeadLetter) && *refusal != Refusal::Unanswered {
            let kind = match refusal {
                Refusal::Denied(_) => "",
                _ => "DeadLetterFull: ",
            };
            let reason = format!("{kind}dead letters are not stored: {refusal}");
            if status.slow().stuck.as_ref() != Some(&reason) {
                status.set(|slow| slow.stuck = Some(reason));
            }
        } else {
            let path = match &item.work {
                Work::Run(Some(output)) => self.path(output),
                _ => String::new(),
            };
            status.trouble(&path, &format!("a publish waits: {refusal}"));
        }
        let due = Instant::now() + retry::pressure(item.tries);
        item.tries += 1;
        self.waiting.push(Waiting { due, item });
    }

    /// An attempt at a sink is over.
    pub(super) async fn attempted(&mut self, attempt: Attempt, publishing: &mut Publishing) {
        let (mut item, delivery, outcome) = attempt;
        let Work::Run(output) = &item.work else {
            return;
        };
        let output = output.clone();
        item.attempts += 1;
        match outcome {
            Outcome::Delivered => {
                delivery.failing.store(false, Ordering::Relaxed);
                if let Some(output) = &output {
                    match self.stage.output(output) {
                        Some(output) => count(&output.delivered),
                        None => count(&self.shared.status.delivered(output)),
                    }
                }
                self.finish(item);
            }
            Outcome::Reject { reason } => {
                delivery.failing.store(false, Ordering::Relaxed);
                let failed = self.failed(output.as_deref(), &reason);
                self.give_up(item, failed, output, publishing).await;
            }
            Outcome::Retry { reason, after } => {
                delivery.failing.store(true, Ordering::Relaxed);
                let failed = self.failed(output.as_deref(), &reason);
                if item.attempts >= delivery.retries.attempts {
                    return self.give_up(item, failed, output, publishing).await;
                }
                self.shared.status.trouble(&failed.path, &failed.error);
                let pause = retry::pause(&delivery.retries, item.attempts, after);
                self.wait(item, output, pause, publishing).await;
            }
        }
    }

    /// Waits for the next attempt: here if it is soon, on a lane otherwise.
    async fn wait(
        &mut self,
        item: Item,
        output: Option<Arc<str>>,
        pause: Duration,
        publishing: &mut Publishing,
    ) {
        if pause < IN_PROCESS && self.drain_until.is_none() {
            let due = Instant::now() + pause;
            self.waiting.push(Waiting { due, item });
            return;
        }
        let due_ms = clock::now_ms() + u64::try_from(pause.as_millis()).unwrap_or(u64::MAX / 2);
        self.put_on_lane(item, output, Lane::of(pause), due_ms, publishing)
            .await;
    }

    fn path(&self, output: &str) -> String {
        self.stage
            .output(output)
            .map_or_else(|| format!("spec.sinks.{output}"), |o| o.path.clone())
    }

    pub(super) fn failed(&self, output: Option<&str>, error: &str) -> Failed {
        Failed {
            step: output.unwrap_or("source").to_owned(),
            path: output.map_or_else(|| "spec.source".to_owned(), |output| self.path(output)),
            error: crate::status::one_line(error),
        }
    }
}
