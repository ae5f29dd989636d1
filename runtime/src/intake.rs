//! Where sources put messages: the flow's `in` edge in the transit stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use vrsky_plan::{EdgeName, FlowId, Subject, header};

use crate::clock;
use crate::connection::{Connection, Refusal};
use crate::dead_letter::ID;
use crate::stage::partition;
use crate::status::{Status, count, one_line};

/// How long one message may wait for its acknowledgement.
const PATIENCE: Duration = Duration::from_secs(5);
/// Payloads in flight, in KiB: what does not fit waits, and is refused when it waits too long.
const IN_FLIGHT: usize = 16 * 1024;

/// Takes messages in for one flow. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    status: Arc<Status>,
    edge: Subject,
    /// Over how many subjects the edge is spread.
    partitions: AtomicU32,
    max_payload: usize,
    in_flight: Semaphore,
}

/// Why a message was not taken in. It is not stored: the source must not acknowledge it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The edge or the account is full: back-pressure.
    #[error("the flow's backlog is full")]
    Full,
    /// The broker did not answer in time.
    #[error("the broker is not reachable")]
    Unavailable,
    /// The payload is larger than the tenant's limit, in bytes.
    #[error("the payload is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Intake {
    pub(crate) fn new(connection: &Connection, status: &Arc<Status>, max_payload: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                connection: connection.clone(),
                status: Arc::clone(status),
                edge: status.flow().edge_subject(&EdgeName::ingress()),
                partitions: AtomicU32::new(1),
                max_payload,
                in_flight: Semaphore::new(IN_FLIGHT),
            }),
        }
    }

    /// What is taken in from now on goes to so many partitions.
    pub(crate) fn spread(&self, partitions: u32) {
        self.inner.partitions.store(partitions, Ordering::Relaxed);
    }

    /// The flow.
    pub fn flow(&self) -> &FlowId {
        self.inner.status.flow()
    }

    /// The largest payload in bytes.
    pub fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// Stores one message (a JSON document, or whatever bytes came: the first stage decodes and
    /// dead-letters what is no JSON); returns when the transit stream has acknowledged it. `id` is
    /// the message's id: the same id within two minutes is stored once. `metadata` is an object, `%`
    /// in expressions. Call it concurrently: acknowledgements are pipelined.
    pub async fn store(
        &self,
        id: &str,
        metadata: Option<&Value>,
        payload: Bytes,
    ) -> Result<(), Refused> {
        let inner = &self.inner;
        let refused = match timeout(PATIENCE, inner.put(id, metadata, payload)).await {
            Ok(Ok(stored)) => {
                if stored {
                    count(&inner.status.accepted);
                }
                return Ok(());
            }
            Ok(Err(refused)) => refused,
            Err(_) => Refused::Unavailable,
        };
        count(&inner.status.refused);
        tracing::debug!(event = "refused", flow = %self.flow(), reason = %refused);
        Err(refused)
    }

    /// Counts a message that the source itself refused (signature, size), with the reason.
    pub fn refused(&self, reason: &str) {
        count(&self.inner.status.refused);
        tracing::info!(event = "refused", flow = %self.flow(), reason = one_line(reason));
    }

    /// Says that the source cannot work at the moment (a folder that is missing, say); `path` is the
    /// field path in the Flow. Shown as the flow's last error.
    pub fn trouble(&self, path: &str, message: &str) {
        self.inner.status.trouble(path, message);
    }
}

impl Inner {
    /// False: it was stored before.
    async fn put(
        &self,
        id: &str,
        metadata: Option<&Value>,
        payload: Bytes,
    ) -> Result<bool, Refused> {
        let limit = self.max_payload;
        if payload.len() > limit {
            return Err(Refused::TooLarge { limit });
        }
        let share = u32::try_from(payload.len() / 1024 + 1).unwrap_or(u32::MAX);
        let share = share.min(IN_FLIGHT as u32);
        let _room = self
            .in_flight
            .acquire_many(share)
            .await
            .map_err(|_| Refused::Unavailable)?;
        let id = one_line(id);
        let mut headers = HeaderMap::new();
        headers.insert(ID, format!("{id}/{}", self.edge));
        let partition = partition(&id, self.partitions.load(Ordering::Relaxed));
        headers.insert(
            HeaderName::from_static(header::METADATA),
            metadata_of(metadata),
        );
        headers.insert(HeaderName::from_static(header::MESSAGE), id);
        let subject = self.edge.partition(partition).into();
        let answer = self
            .connection
            .ask(subject, Some(headers), payload, PATIENCE)
            .await;
        match answer {
            Ok(answer) => {
                let again = b"\"duplicate\":true";
                Ok(!answer
                    .payload
                    .windows(again.len())
                    .any(|part| part == again))
            }
            Err(Refusal::Full) => Err(Refused::Full),
            Err(Refusal::TooLarge) => Err(Refused::TooLarge { limit }),
            Err(Refusal::Unanswered) => Err(Refused::Unavailable),
            Err(refusal) => {
                self.status.trouble("spec.source", &refusal.to_string());
                Err(Refused::Unavailable)
            }
        }
    }
}

/// The metadata with the time of arrival, one line of JSON: the same for every attempt.
fn metadata_of(metadata: Option<&Value>) -> String {
    let mut object = match metadata {
        Some(Value::Object(object)) => object.clone(),
        _ => serde_json::Map::new(),
    };
    object
        .entry("time")
        .or_insert_with(|| Value::String(clock::now_text()));
    Value::Object(object).to_string()
}
