//! Publishes under way: many at once, each acknowledged by the stream before what it stands for is
//! finished. Acknowledgements come back over one subscription, numbered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_nats::{HeaderMap, Message, PublishErrorKind, Subscriber};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};
use vrsky_plan::Subject;

use super::item::Item;
use crate::connection::{Connection, Refusal, check};
use crate::retry::Lane;

/// How long the stream may take to acknowledge.
const ANSWER: Duration = Duration::from_secs(5);

/// Publishes under way, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Publishing {
    connection: Connection,
    inbox: String,
    /// What the streams answer.
    pub(crate) answers: Subscriber,
    base: u64,
    entries: VecDeque<Option<Entry>>,
    open: usize,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    purpose: Purpose,
    subjects: Arc<[Subject]>,
    remaining: usize,
    refusal: Option<Refusal>,
    deadline: Instant,
}

/// What a publish is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// An output to an edge, or to the readers of a topic; the latter is counted.
    Output(Option<Arc<AtomicU64>>),
    /// The error branch.
    Errored,
    /// The dead letters.
    DeadLetter,
    /// A lane.
    Lane(Lane),
}

/// A publish that is over.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) item: Item,
    pub(crate) purpose: Purpose,
    pub(crate) result: Result<(), Refusal>,
}

impl Publishing {
    /// Nothing under way.
    pub(crate) async fn new(connection: &Connection) -> Result<Self, Refusal> {
        let inbox = connection.client().new_inbox();
        let answers = connection
            .client()
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| Refusal::Other(error.to_string()))?;
        Ok(Self {
            connection: connection.clone(),
            inbox,
            answers,
            base: 0,
            entries: VecDeque::new(),
            open: 0,
        })
    }

    /// Publishes under way.
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Begins a publish to each subject for one item; each is then sent with the number.
    pub(crate) fn begin(&mut self, item: Item, purpose: Purpose, subjects: Arc<[Subject]>) -> u64 {
        self.open += 1;
        self.entries.push_back(Some(Entry {
            item,
            purpose,
            remaining: subjects.len(),
            subjects,
            refusal: None,
            deadline: Instant::now() + ANSWER,
        }));
        self.base + self.entries.len() as u64 - 1
    }

    /// Sends one copy. What the client refuses is settled at the deadline, or at once by
    /// [`Self::refused`].
    pub(crate) async fn send(
        &mut self,
        number: u64,
        subject: &Subject,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), Refusal> {
        let client = self.connection.client();
        let reply = format!("{}.{number}", self.inbox);
        let mut sent = std::pin::pin!(client.publish_with_reply_and_headers(
            subject.as_str().to_owned(),
            reply,
            headers,
            payload
        ));
        // Nearly always there is room at once; a timer is for when there is not.
        let sent = match sent.as_mut().now_or_never() {
            Some(sent) => sent,
            None => timeout(ANSWER, sent)
                .await
                .map_err(|_| Refusal::Unanswered)?,
        };
        sent.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Refusal::TooLarge,
            _ => Refusal::Unanswered,
        })
    }

    /// Ends a publish that could not be sent.
    pub(crate) fn refused(&mut self, number: u64, refusal: Refusal) -> Option<Settled> {
        self.take(number).map(|entry| Settled {
            item: entry.item,
            purpose: entry.purpose,
            result: Err(refusal),
        })
    }

    /// The first publish to a subject that the server denies; to be asked until there is none.
    pub(crate) fn denied(&mut self, subject: &str) -> Option<Settled> {
        let goes_there = |entry: &Entry| entry.subjects.iter().any(|s| s.as_str() == subject);
        let place = self
            .entries
            .iter()
            .position(|entry| entry.as_ref().is_some_and(goes_there))?;
        let refusal = Refusal::Denied(subject.to_owned());
        self.refused(self.base + place as u64, refusal)
    }

    /// Reads one answer; the last answer for an item settles it.
    pub(crate) fn settle(&mut self, answer: &Message) -> Option<Settled> {
        let number = answer.subject.as_str().rsplit('.').next()?.parse().ok()?;
        let result = check(answer);
        let place = usize::try_from(u64::checked_sub(number, self.base)?).ok()?;
        let entry = self.entries.get_mut(place)?.as_mut()?;
        entry.remaining = entry.remaining.saturating_sub(1);
        if let Err(refusal) = result {
            entry.refusal = Some(refusal);
        }
        if entry.remaining > 0 {
            return None;
        }
        let entry = self.take(number)?;
        Some(Settled {
            item: entry.item,
            purpose: entry.purpose,
            result: entry.refusal.map_or(Ok(()), Err),
        })
    }

    /// The first publish whose answer is overdue.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Settled> {
        if self.next_deadline()? > now {
            return None;
        }
        self.refused(self.base, Refusal::Unanswered)
    }

    /// When the next answer is overdue.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.entries.front()?.as_ref().map(|entry| entry.deadline)
    }

    fn take(&mut self, number: u64) -> Option<Entry> {
        let place = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let entry = self.entries.get_mut(place)?.take()?;
        self.open -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base += 1;
        }
        Some(entry)
    }
}
