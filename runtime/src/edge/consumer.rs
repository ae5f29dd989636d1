//! The consumer through which an owner reads its edge: a cache on the server, made anew by each owner
//! and after each irregularity, so that no late acknowledgement of another can move it.

use std::time::Duration;

use async_nats::{HeaderName, Message, StatusCode, Subscriber};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use vrsky_plan::Subject;

use crate::connection::{Connection, Refusal};

const MADE_IN: Duration = Duration::from_secs(1);
const PULL_LASTS: Duration = Duration::from_secs(30);
const PENDING: HeaderName = HeaderName::from_static("Nats-Pending-Messages");

/// How much is asked for at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Messages.
    pub(crate) messages: usize,
    /// Bytes; at least as large as the largest message.
    pub(crate) bytes: usize,
}

/// A pull consumer and what was asked of it.
#[derive(Debug)]
pub(crate) struct Consumer {
    connection: Connection,
    name: String,
    inbox: String,
    /// What arrives: messages, and the ends of pulls.
    pub(crate) deliveries: Subscriber,
    asked: usize,
    last_asked: tokio::time::Instant,
    next_delivery: u64,
}

/// What an arrival is.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A message.
    Message(Message),
    /// A pull ended, as pulls do.
    Ended,
    /// The consumer cannot be relied on any more.
    Broken(String),
}

impl Consumer {
    /// Makes the consumer `name`. It delivers what lies on `subject` behind `after`. With it comes how
    /// many messages wait.
    pub(crate) async fn make(
        connection: &Connection,
        name: String,
        subject: &Subject,
        after: u64,
    ) -> Result<(Self, u64), Refusal> {
        #[derive(Deserialize)]
        struct Made {
            #[serde(default)]
            num_pending: u64,
        }
        let inbox = connection.client().new_inbox();
        let deliveries = connection
            .client()
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| Refusal::Other(error.to_string()))?;
        let stream = connection.transit();
        let mut config = json!({
            "name": name,
            "filter_subject": subject,
            "deliver_policy": "all",
            "ack_policy": "all",
            // Nothing is ever redelivered by this consumer: what its owner does not finish, the next
            // consumer delivers.
            "ack_wait": 86_400_000_000_000_u64,
            "max_deliver": -1,
            "max_ack_pending": 5_000,
            "inactive_threshold": 3_600_000_000_000_u64,
            "replay_policy": "instant",
            "num_replicas": 1,
            "mem_storage": true,
        });
        if after > 0 {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = (after + 1).into();
        }
        let request = json!({"stream_name": stream, "config": config, "action": "create"});
        let answer = connection
            .ask(
                format!("$JS.API.CONSUMER.CREATE.{stream}.{name}.{subject}"),
                None,
                request.to_string().into(),
                MADE_IN,
            )
            .await?;
        let made: Made = serde_json::from_slice(&answer.payload)
            .map_err(|_| Refusal::Other("an unreadable answer".to_owned()))?;
        let consumer = Self {
            connection: connection.clone(),
            name,
            inbox,
            deliveries,
            asked: 0,
            last_asked: tokio::time::Instant::now(),
            next_delivery: 1,
        };
        Ok((consumer, made.num_pending))
    }

    /// The consumer's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is asked for more.
    pub(crate) fn asks_at(&self) -> String {
        let stream = self.connection.transit();
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", self.name)
    }

    /// Messages that were asked for and have not come.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// When the pull under way should have ended, and a while more.
    pub(crate) fn overdue(&self) -> tokio::time::Instant {
        self.last_asked + PULL_LASTS + Duration::from_secs(5)
    }

    /// Asks for more. False: the connection takes nothing at the moment.
    pub(crate) fn ask(&mut self, batch: Batch) -> bool {
        use futures_util::FutureExt;
        let request = format!(
            r#"{{"batch":{},"max_bytes":{},"expires":{}}}"#,
            batch.messages,
            batch.bytes,
            PULL_LASTS.as_nanos()
        );
        let sent = self
            .connection
            .client()
            .publish_with_reply(
                self.asks_at(),
                format!("{}.pull", self.inbox),
                Bytes::from(request),
            )
            .now_or_never()
            .is_some_and(|sent| sent.is_ok());
        if sent {
            self.asked += batch.messages;
            self.last_asked = tokio::time::Instant::now();
        }
        sent
    }

    /// Sorts what arrived.
    pub(crate) fn sort(&mut self, message: Message) -> Arrival {
        let Some(status) = message.status else {
            self.asked = self.asked.saturating_sub(1);
            return Arrival::Message(message);
        };
        let pending = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(PENDING))
            .and_then(|value| value.as_str().parse::<usize>().ok());
        match (status, pending) {
            (StatusCode::IDLE_HEARTBEAT, _) => Arrival::Ended,
            (_, Some(pending)) => {
                self.asked = self.asked.saturating_sub(pending);
                Arrival::Ended
            }
            (status, None) => Arrival::Broken(format!(
                "{status} {}",
                message.description.unwrap_or_default()
            )),
        }
    }

    /// Whether this is the delivery after the last one. A gap means that deliveries were lost on
    /// their way, and acknowledging a later one would acknowledge them too.
    pub(crate) fn follows(&mut self, delivery: u64) -> bool {
        let follows = delivery == self.next_delivery;
        self.next_delivery += 1;
        follows
    }

    /// Removes a consumer by name; one that is gone already is removed.
    pub(crate) async fn remove(connection: &Connection, name: &str) {
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{name}", connection.transit());
        match connection.ask(subject, None, Bytes::new(), MADE_IN).await {
            Ok(_) | Err(Refusal::NotFound) => {}
            // It goes by itself after an hour without pulls.
            Err(reason) => tracing::debug!(event = "consumer_not_removed", name, %reason),
        }
    }
}
