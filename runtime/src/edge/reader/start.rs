//! From a message that is due to publishes and deliveries under way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{HeaderMap, HeaderName};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};
use vrsky_plan::header;

use super::{DELIVERIES, PUBLISHING, REMOVE_AT_MOST, Reader, TURN, WAITING};
use crate::connection::Refusal;
use crate::connectors::Outcome;
use crate::dead_letter;
use crate::edge::item::{Item, Work};
use crate::edge::publishing::{Publishing, Purpose};
use crate::retry::Lane;
use crate::stage::{Failed, Outlets, Stage, Take, Target, What};
use crate::status::{count, one_line};

/// Sinks bound their attempts themselves; this is for the one that does not.
const ATTEMPT: Duration = Duration::from_mins(2);

impl Reader {
    /// Starts what may start. True: there is more.
    pub(super) async fn pump(&mut self, publishing: &mut Publishing) -> bool {
        for _ in 0..TURN {
            if self.waits_for_turn(publishing) {
                return false;
            }
            let now = Instant::now();
            let due = self
                .waiting
                .peek()
                .is_some_and(|waiting| waiting.due <= now && self.may_start(&waiting.item));
            if due {
                if let Some(waiting) = self.waiting.pop() {
                    self.begin(waiting.item, publishing).await;
                }
                continue;
            }
            if !self.may_start_new(publishing) {
                return false;
            }
            let Some(ticket) = self.backlog.pop_front() else {
                return false;
            };
            // A message put back by hand takes only the output that it lacks.
            let output = (self.stage.trusts_output)
                .then(|| self.window.input(&ticket).header(header::OUTPUT))
                .flatten()
                .filter(|output| self.stage.output(output).is_some())
                .map(Into::into);
            self.begin(Item::fresh(ticket, output, 0), publishing).await;
        }
        true
    }

    /// What the broker did not take, and what goes to no sink, may always be tried again.
    pub(super) fn may_start(&self, item: &Item) -> bool {
        !matches!(item.work, Work::Run(_)) || item.tries > 0 || self.room()
    }

    fn may_start_new(&self, publishing: &Publishing) -> bool {
        self.drain_until.is_none()
            && self.pressed == 0
            && self.waiting.len() < WAITING
            && publishing.len() < PUBLISHING
            && self.window.floor().finished - self.removed < REMOVE_AT_MOST
            && self.room()
    }

    /// Whether the sink may get another message. While it fails, one at a time goes on trying.
    fn room(&self) -> bool {
        let failing = self.stage.outputs.iter().any(|output| {
            matches!(&output.target, Target::Deliver(delivery) if delivery.failing.load(Ordering::Relaxed))
        });
        self.deliveries.len() < if failing { 1 } else { DELIVERIES }
    }

    pub(super) async fn start(&mut self, item: Item, publishing: &mut Publishing) {
        match item.work {
            Work::Run(ref only) => {
                let only = only.clone();
                self.run_stage(item, only, publishing).await;
            }
            Work::GiveUp {
                ref failed,
                ref output,
            } => {
                let (failed, output) = (failed.clone(), output.clone());
                self.give_up(item, failed, output, publishing).await;
            }
            Work::Move {
                ref output,
                lane,
                due_ms,
            } => {
                let output = output.clone();
                self.put_on_lane(item, output, lane, due_ms, publishing)
                    .await;
            }
        }
    }

    async fn run_stage(&mut self, item: Item, only: Option<Arc<str>>, publishing: &mut Publishing) {
        let stage = Arc::clone(&self.stage);
        let mut takes = std::mem::take(&mut self.takes);
        let input = self.window.input(&item.ticket);
        match stage.run(input, only.as_deref(), &mut takes) {
            Err(failed) => {
                takes.clear();
                self.give_up(item, failed, only, publishing).await;
            }
            Ok(()) => self.dispatch(item, &stage, &mut takes, publishing).await,
        }
        self.takes = takes;
    }

    /// Gives each output its part; the message is finished when all parts are.
    async fn dispatch(
        &mut self,
        item: Item,
        stage: &Arc<Stage>,
        takes: &mut Vec<Take>,
        publishing: &mut Publishing,
    ) {
        let dropped = |take: &Take| matches!(take.what, What::Filtered);
        if takes.iter().all(dropped) {
            count(&self.shared.status.filtered);
            takes.clear();
            return self.finish(item);
        }
        let (attempts, tries) = (item.attempts, item.tries);
        let last = takes.len() - 1;
        let mut whole = Some(item);
        for (place, take) in takes.drain(..).enumerate() {
            let Some(rest) = whole.take() else { return };
            let output = &stage.outputs[take.output];
            let part = if place == last {
                rest.ticket
            } else {
                let part = self.window.split(&rest.ticket);
                whole = Some(rest);
                // Each part counts as pressure of its own.
                self.pressed += usize::from(tries > 0);
                part
            };
            let item = Item {
                ticket: part,
                work: Work::Run(Some(Arc::clone(&output.name))),
                attempts,
                tries,
            };
            match take.what {
                What::Filtered => self.finish(item),
                What::Unread => {
                    count(&self.shared.status.unread);
                    self.finish(item);
                }
                What::Failed(failed) => {
                    let output = Some(Arc::clone(&output.name));
                    self.give_up(item, failed, output, publishing).await;
                }
                What::Publish(payload) => match &output.target {
                    Target::Edge(edge) => {
                        let purpose = Purpose::Output(None);
                        self.publish(item, &output.name, edge, payload, purpose, publishing)
                            .await;
                    }
                    Target::Topic { publish, .. } => {
                        let purpose = Purpose::Output(Some(Arc::clone(&output.delivered)));
                        self.publish(item, &output.name, publish, payload, purpose, publishing)
                            .await;
                    }
                    Target::Deliver(_) => {}
                },
                What::Deliver(mut message) => {
                    let Target::Deliver(delivery) = &output.target else {
                        continue;
                    };
                    if item.attempts > 0 {
                        count(&self.shared.status.retried);
                    }
                    let delivery = Arc::clone(delivery);
                    let id = self.window.input(&item.ticket).id();
                    let attempt = async move {
                        let attempt = delivery.sink.deliver(&mut message, &id);
                        let outcome =
                            timeout(ATTEMPT, attempt)
                                .await
                                .unwrap_or_else(|_| Outcome::Retry {
                                    reason: "the sink did not answer in time".to_owned(),
                                    after: None,
                                });
                        (item, delivery, outcome)
                    };
                    self.deliveries.push(attempt.boxed());
                }
            }
        }
    }

    async fn publish(
        &mut self,
        item: Item,
        output: &str,
        outlets: &Outlets,
        payload: Bytes,
        purpose: Purpose,
        publishing: &mut Publishing,
    ) {
        let input = self.window.input(&item.ticket);
        let id = one_line(&input.id());
        let metadata = input.header(header::METADATA).map(one_line);
        let sequence = input.sequence;
        let subjects = outlets.of(&id);
        let number = publishing.begin(item, purpose, Arc::clone(&subjects));
        for (edge, subject) in outlets.edges.iter().zip(subjects.iter()) {
            let mut headers = HeaderMap::new();
            // The sequence tells apart two messages of one origin that come by different ways; the
            // same message, delivered again, has the same.
            headers.insert(dead_letter::ID, format!("{id}/{sequence}/{output}/{edge}"));
            if let Some(metadata) = &metadata {
                headers.insert(HeaderName::from_static(header::METADATA), metadata.as_str());
            }
            headers.insert(HeaderName::from_static(header::MESSAGE), id.as_str());
            let sent = publishing
                .send(number, subject, headers, payload.clone())
                .await;
            if let Err(refusal) = sent {
                return self.refused(number, refusal, publishing).await;
            }
        }
    }

    /// To the error branch, else to the dead letters.
    pub(super) async fn give_up(
        &mut self,
        mut item: Item,
        failed: Failed,
        output: Option<Arc<str>>,
        publishing: &mut Publishing,
    ) {
        self.shared.status.trouble(&failed.path, &failed.error);
        let stage = Arc::clone(&self.stage);
        let input = self.window.input(&item.ticket);
        item.work = Work::GiveUp {
            failed: failed.clone(),
            output: output.clone(),
        };
        if stage.on_error.edges.is_empty() {
            let edge = self.shared.subject.as_str();
            let headers = dead_letter::headers(
                &stage,
                input,
                &failed,
                item.attempts,
                edge,
                output.as_deref(),
            );
            let flow = &stage.program.flow;
            let subject = flow
                .dead_letter_subject(&failed.step)
                .or_else(|_| flow.dead_letter_subject("step"));
            let payload = input.payload.clone();
            let Ok(subject) = subject else { return };
            let number = publishing.begin(item, Purpose::DeadLetter, [subject.clone()].into());
            if let Err(refusal) = publishing.send(number, &subject, headers, payload).await {
                self.refused(number, refusal, publishing).await;
            }
            return;
        }
        let document = dead_letter::error_document(&stage, input, &failed, item.attempts);
        self.publish(
            item,
            &failed.step,
            &stage.on_error,
            document,
            Purpose::Errored,
            publishing,
        )
        .await;
    }

    pub(super) async fn put_on_lane(
        &mut self,
        mut item: Item,
        output: Option<Arc<str>>,
        lane: Lane,
        due_ms: u64,
        publishing: &mut Publishing,
    ) {
        let input = self.window.input(&item.ticket);
        let id = one_line(&input.id());
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            headers.insert(HeaderName::from_static(name), value);
        };
        put(header::METADATA, dead_letter::metadata(input));
        put(header::ATTEMPTS, item.attempts.to_string());
        put(header::DUE, due_ms.to_string());
        if let Some(output) = &output {
            put(header::OUTPUT, output.to_string());
        }
        if let Some(redriven) = input.header(header::REDRIVEN) {
            put(header::REDRIVEN, one_line(redriven));
        }
        let suffix = lane.suffix();
        let try_id = format!(
            "{id}/{}/{}{suffix}/{}",
            input.sequence,
            output.as_deref().unwrap_or(""),
            item.attempts
        );
        put(header::MESSAGE, id);
        headers.insert(dead_letter::ID, try_id);
        let payload = input.payload.clone();
        item.work = Work::Move {
            output,
            lane,
            due_ms,
        };
        let subject = lane.subject(&self.shared.subject);
        let number = publishing.begin(item, Purpose::Lane(lane), [subject.clone()].into());
        if let Err(refusal) = publishing.send(number, &subject, headers, payload).await {
            self.refused(number, refusal, publishing).await;
        }
    }

    /// Ends a publish that could not even be sent. Boxed: what follows may publish again.
    async fn refused(&mut self, number: u64, refusal: Refusal, publishing: &mut Publishing) {
        if let Some(settled) = publishing.refused(number, refusal) {
            Box::pin(self.settled(settled, publishing)).await;
        }
    }
}
