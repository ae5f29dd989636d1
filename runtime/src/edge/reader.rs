//! Reads one subject of an edge: its own, or one of its lanes. One loop owns everything; nothing here
//! is shared, so nothing is locked.

mod drain;
mod outcome;
mod pull;
mod removal;
mod start;
mod trial;

use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Message;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use vrsky_plan::Subject;

use super::consumer::Consumer;
use super::item::{Item, Waiting};
use super::lease::Claim;
use super::publishing::Publishing;
use super::trial::Turn;
use super::window::Window;
use super::{Shared, window::Ticket};
use crate::connection::Refusal;
use crate::connectors::Outcome;
use crate::retry::Lane;
use crate::stage::{Delivery, Stage, Take};
use trial::{Asking, Found};

/// Bounds. The server allows 5,000 messages without acknowledgement; with what is asked for, a window
/// stays below that.
const WINDOW: usize = 2_500;
const LANE_WINDOW: usize = 256;
/// Messages of a lane or edge that wait in the process for a further attempt.
const WAITING: usize = 256;
const PUBLISHING: usize = 1_000;
const DELIVERIES: usize = 64;
/// Bytes in flight on one edge.
const BYTES: usize = 16 * 1024 * 1024;
const LANE_BYTES: usize = 2 * 1024 * 1024;
/// Items started before the loop looks at its other duties.
const TURN: usize = 256;
/// Finished messages are removed after so many, or so long.
const REMOVE_AFTER: u64 = 1_000;
const REMOVE_WITHIN: Duration = Duration::from_millis(100);
const REMOVE_AT_MOST: u64 = 5_000;

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In good order.
    Stopped,
    /// Another process owns the edge.
    Lost,
}

/// An attempt that is over.
type Attempt = (Item, Arc<Delivery>, Outcome);

/// The state of one loop.
pub(super) struct Reader {
    shared: Arc<Shared>,
    claim: Arc<Claim>,
    stages: watch::Receiver<Arc<Stage>>,
    stage: Arc<Stage>,
    stop: CancellationToken,
    lane: Option<Lane>,
    subject: Subject,
    window: Window,
    /// Received and not started, in order.
    backlog: VecDeque<Ticket>,
    waiting: BinaryHeap<Waiting>,
    deliveries: FuturesUnordered<BoxFuture<'static, Attempt>>,
    /// Items that the broker did not take and that are tried again: nothing new starts meanwhile.
    pressed: usize,
    takes: Vec<Take>,
    consumer: Option<Consumer>,
    /// Whether a consumer was made before, so that the next needs an epoch of its own.
    reopened: bool,
    open_at: Instant,
    open_failures: u32,
    removal: Option<BoxFuture<'static, Result<(), Refusal>>>,
    remove_at: Option<Instant>,
    removing: u64,
    removed: u64,
    /// When stopping: until when.
    drain_until: Option<Instant>,
    /// What the owner before may have had under way.
    found: Found,
    /// While messages are worked on one at a time: the one that waits for its turn, and the turn.
    asking: Option<Asking>,
    turn: Option<Turn>,
}

/// What woke the loop.
enum Event {
    Lost,
    Stop,
    Answer(Option<Message>),
    Attempt(Attempt),
    Removed(Result<(), Refusal>),
    Swapped,
    Reconnected,
    Denied(Arc<str>),
    Turn(Option<Turn>),
    Arrival(Option<Message>),
    Time,
}

impl Reader {
    pub(super) fn new(
        shared: &Arc<Shared>,
        claim: &Arc<Claim>,
        mut stages: watch::Receiver<Arc<Stage>>,
        stop: CancellationToken,
        lane: Option<Lane>,
    ) -> Self {
        let stage = Arc::clone(&stages.borrow_and_update());
        let subject = match lane {
            None => shared.subject.clone(),
            Some(lane) => lane.subject(&shared.subject),
        };
        Self {
            shared: Arc::clone(shared),
            claim: Arc::clone(claim),
            stages,
            stage,
            stop,
            lane,
            subject,
            window: Window::default(),
            backlog: VecDeque::new(),
            waiting: BinaryHeap::new(),
            deliveries: FuturesUnordered::new(),
            pressed: 0,
            takes: Vec::new(),
            consumer: None,
            reopened: false,
            open_at: Instant::now(),
            open_failures: 0,
            removal: None,
            remove_at: None,
            removing: 0,
            removed: 0,
            drain_until: None,
            found: Found::new(&claim.trial),
            asking: None,
            turn: None,
        }
    }

    /// Reads until it is stopped or the lease is lost.
    pub(super) async fn run(mut self) -> End {
        let mut publishing = loop {
            match Publishing::new(&self.shared.connection).await {
                Ok(publishing) => break publishing,
                Err(reason) => tracing::warn!(event = "not_subscribed", %reason),
            }
            tokio::select! {
                () = self.stop.cancelled() => return End::Stopped,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        if let Some(end) = self.idle_lane().await {
            return end;
        }
        let mut connects = self.shared.connection.connects();
        connects.mark_unchanged();
        let mut denials = self.shared.connection.denials();
        loop {
            let more = self.pump(&mut publishing).await;
            self.open().await;
            self.ask();
            self.remove();
            let unfinished = self.window.unfinished() as u64;
            let status = &self.shared.edge_status;
            if self.lane.is_none() {
                status.unfinished.store(unfinished, Ordering::Relaxed);
                let bytes = self.window.bytes() as u64;
                status.bytes.store(bytes, Ordering::Relaxed);
            }
            if let Some(until) = self.drain_until
                && (self.drained(&publishing) || Instant::now() >= until)
            {
                self.close().await;
                return End::Stopped;
            }
            let wake = self.wake(&publishing);
            let event = tokio::select! {
                biased;
                () = self.claim.lost.cancelled() => Event::Lost,
                () = self.stop.cancelled(), if self.drain_until.is_none() => Event::Stop,
                answer = publishing.answers.next() => Event::Answer(answer),
                Some(attempt) = self.deliveries.next(), if !self.deliveries.is_empty() => Event::Attempt(attempt),
                result = pending(&mut self.removal) => Event::Removed(result),
                turn = trial::turn(&mut self.asking) => Event::Turn(turn),
                Ok(()) = self.stages.changed() => Event::Swapped,
                Ok(()) = connects.changed() => Event::Reconnected,
                subject = denials.next() => Event::Denied(subject),
                arrival = arrive(&mut self.consumer) => Event::Arrival(arrival),
                () = tokio::task::yield_now(), if more => Event::Time,
                () = sleep_until(wake) => Event::Time,
            };
            match event {
                Event::Lost => return End::Lost,
                Event::Stop => self.begin_drain(),
                Event::Answer(answer) => {
                    let mut next = answer;
                    for _ in 0..TURN {
                        let Some(answer) = next else { break };
                        if let Some(settled) = publishing.settle(&answer) {
                            self.settled(settled, &mut publishing).await;
                        }
                        next = ready(&mut publishing.answers);
                    }
                }
                Event::Attempt(attempt) => self.attempted(attempt, &mut publishing).await,
                Event::Removed(result) => self.was_removed(result),
                Event::Turn(turn) => self.has_turn(turn, &mut publishing).await,
                Event::Swapped => self.stage = Arc::clone(&self.stages.borrow_and_update()),
                Event::Denied(subject) => {
                    self.pull_denied(&subject);
                    while let Some(settled) = publishing.denied(&subject) {
                        self.settled(settled, &mut publishing).await;
                    }
                }
                Event::Reconnected => self.reopen("the connection is a new one"),
                Event::Arrival(arrival) => self.arrived(arrival),
                Event::Time => {
                    while let Some(settled) = publishing.expire(Instant::now()) {
                        self.settled(settled, &mut publishing).await;
                    }
                    let overdue = self
                        .consumer
                        .as_ref()
                        .is_some_and(|c| c.asked() > 0 && c.overdue() <= Instant::now());
                    if overdue {
                        self.reopen("the consumer has fallen silent");
                    }
                }
            }
        }
    }

    /// When there is something to do without anything having happened.
    fn wake(&self, publishing: &Publishing) -> Instant {
        let now = Instant::now();
        let mut wake = now + Duration::from_secs(30);
        let mut by = |at: Option<Instant>| wake = at.map_or(wake, |at| wake.min(at));
        by(publishing.next_deadline());
        by(self.remove_at.filter(|_| self.removal.is_none()));
        by(self.drain_until);
        // Who waits for a turn is woken by it.
        let free = self.asking.is_none() && self.turn.is_none();
        if let Some(waiting) = self.waiting.peek()
            && (waiting.due > now || (free && self.may_start(&waiting.item)))
        {
            by(Some(waiting.due));
        }
        match &self.consumer {
            None if self.drain_until.is_none() => by(Some(self.open_at)),
            Some(consumer) if consumer.asked() > 0 => by(Some(consumer.overdue())),
            // Nothing is asked for: perhaps because the connection took nothing.
            Some(_) => by(Some(now + Duration::from_millis(250))),
            None => {}
        }
        wake
    }
}

async fn pending(
    removal: &mut Option<BoxFuture<'static, Result<(), Refusal>>>,
) -> Result<(), Refusal> {
    match removal {
        Some(removal) => removal.await,
        None => std::future::pending().await,
    }
}

async fn arrive(consumer: &mut Option<Consumer>) -> Option<Message> {
    match consumer {
        Some(consumer) => consumer.deliveries.next().await,
        None => std::future::pending().await,
    }
}

/// The next item, if it is there already.
fn ready<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    stream.next().now_or_never().flatten()
}
