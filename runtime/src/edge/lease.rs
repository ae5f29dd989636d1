//! Who owns an edge: a key that one process at a time writes, by compare-and-set.
//!
//! The revision of the key is the fence. A claim renews its lease every two seconds; others take it
//! over when they have seen the same revision for six. A claim whose compare-and-set fails is lost,
//! and says so at once through `lost`. How it stops: [`Claim::release`] writes `released`, so that
//! the next owner need not wait; dropping a claim ends the renewals, and the lease runs out.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, HeaderName};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use vrsky_plan::{EdgeName, FlowId, Lease, platform};

use super::trial::{self, Trial, Turn};
use crate::clock;
use crate::connection::{Connection, Refusal};

const RENEWAL: Duration = Duration::from_secs(2);
/// A lease that nobody renewed for so long is free.
pub(super) const EXPIRY: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(1);
const EXPECTED: HeaderName = HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");
const SEQUENCE: HeaderName = HeaderName::from_static("Nats-Sequence");
const OPERATION: HeaderName = HeaderName::from_static("KV-Operation");

/// An owned edge.
#[derive(Debug)]
pub(crate) struct Claim {
    commands: mpsc::Sender<Command>,
    /// Cancelled when another process owns the edge.
    pub(crate) lost: CancellationToken,
    /// The epoch at the start.
    pub(crate) epoch: u64,
    /// The epoch of the owner before; 0 if there was none.
    pub(crate) before: u64,
    /// What those before may have left that ends processes.
    pub(crate) trial: Arc<Trial>,
}

#[derive(Debug)]
enum Command {
    NextEpoch(oneshot::Sender<u64>),
    UnderWay(u64, oneshot::Sender<()>),
    Release(oneshot::Sender<()>),
}

/// The lease as this process last wrote or read it.
#[derive(Debug)]
pub(super) struct Key {
    connection: Connection,
    name: String,
    pub(super) revision: u64,
    lease: Lease,
}

impl Claim {
    /// Waits until the edge is free and owns it. `None` when `stop` came first.
    pub(crate) async fn acquire(
        connection: &Connection,
        flow: &FlowId,
        edge: &EdgeName,
        stop: &CancellationToken,
    ) -> Option<Self> {
        let (key, before) = tokio::select! {
            () = stop.cancelled() => return None,
            key = Key::acquire(connection, flow, edge) => key,
        };
        let claim = Self::keep(key, before);
        let epoch = claim.epoch;
        tracing::info!(event = "lease_acquired", %flow, %edge, epoch);
        if claim.trial.singly() {
            tracing::warn!(event = "one_at_a_time", %flow, %edge);
        }
        Some(claim)
    }

    /// Keeps what was claimed.
    pub(super) fn keep(key: Key, before: u64) -> Self {
        let (commands, receiver) = mpsc::channel(4);
        let lost = CancellationToken::new();
        let epoch = key.lease.epoch;
        let trial = Trial::new(&key.lease);
        tokio::spawn(key.keep(receiver, lost.clone(), Arc::clone(&trial)));
        Self {
            commands,
            lost,
            epoch,
            before,
            trial,
        }
    }

    /// Waits for the turn of a message and notes that it is under way. `None`: it cannot be noted.
    pub(crate) async fn turn(self: Arc<Self>, sequence: u64) -> Option<Turn> {
        let turn = self.trial.turn().await?;
        let (answer, noted) = oneshot::channel();
        let command = Command::UnderWay(sequence, answer);
        self.commands.try_send(command).ok()?;
        timeout(ANSWER * 3, noted).await.ok()?.ok()?;
        Some(turn)
    }

    /// A fresh epoch for a consumer that takes the place of one that failed. `None`: not now.
    pub(crate) async fn next_epoch(&self) -> Option<u64> {
        let (answer, epoch) = oneshot::channel();
        self.commands.try_send(Command::NextEpoch(answer)).ok()?;
        timeout(ANSWER * 3, epoch).await.ok()?.ok()
    }

    /// Lets go, so that the next owner starts at once.
    pub(crate) async fn release(&self) {
        let (answer, done) = oneshot::channel();
        if self.commands.try_send(Command::Release(answer)).is_ok() {
            // Unanswered, the lease runs out by itself.
            let _ = timeout(ANSWER * 3, done).await;
        }
    }
}

impl Key {
    pub(super) fn new(connection: &Connection, flow: &FlowId, edge: &EdgeName) -> Self {
        Self {
            connection: connection.clone(),
            name: platform::lease_key(connection.tenant(), flow, edge),
            revision: 0,
            lease: Lease::default(),
        }
    }

    /// Looks until the lease is free, then takes it; with the epoch before.
    async fn acquire(connection: &Connection, flow: &FlowId, edge: &EdgeName) -> (Self, u64) {
        let mut key = Self::new(connection, flow, edge);
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            match key.read().await {
                Ok(None) => {
                    seen = None;
                    if key.claim(&Lease::default()).await {
                        return (key, 0);
                    }
                }
                Ok(Some(lease)) => {
                    let first = match seen {
                        Some((revision, first)) if revision == key.revision => first,
                        _ => Instant::now(),
                    };
                    seen = Some((key.revision, first));
                    let free = lease.released || first.elapsed() >= EXPIRY;
                    if free && key.claim(&lease).await {
                        return (key, lease.epoch);
                    }
                }
                Err(reason) => tracing::debug!(event = "lease_unread", %flow, %edge, %reason),
            }
            sleep(LOOK).await;
        }
    }

    pub(super) async fn claim(&mut self, before: &Lease) -> bool {
        self.lease = trial::succeed(before, self.connection.process());
        let written = self.write().await;
        if let Err(reason @ Refusal::Denied(_)) = &written {
            tracing::warn!(event = "lease_not_taken", key = %self.name, %reason);
        }
        written.is_ok()
    }

    /// Renews until the claim is released, dropped or lost.
    async fn keep(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        lost: CancellationToken,
        trial: Arc<Trial>,
    ) {
        let mut renewal = interval(RENEWAL);
        renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        renewal.tick().await;
        loop {
            let written = tokio::select! {
                _ = renewal.tick() => {
                    if trial.is_over() {
                        trial::acquit(&mut self.lease);
                    }
                    self.write().await
                }
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::NextEpoch(answer)) => {
                        self.lease.epoch += 1;
                        let written = self.write().await;
                        if written.is_ok() {
                            let _ = answer.send(self.lease.epoch);
                        }
                        written
                    }
                    Some(Command::UnderWay(sequence, answer)) => {
                        self.lease.under_way = Some(sequence);
                        let written = self.write().await;
                        if written.is_ok() {
                            let _ = answer.send(());
                        }
                        written
                    }
                    Some(Command::Release(answer)) => {
                        self.lease.released = true;
                        if let Err(reason) = self.write().await {
                            tracing::warn!(event = "lease_not_released", key = %self.name, %reason);
                        }
                        let _ = answer.send(());
                        return;
                    }
                },
            };
            if written == Err(Refusal::Conflict) && !self.still_ours().await {
                tracing::warn!(event = "lease_lost", key = %self.name);
                lost.cancel();
                return;
            }
        }
    }

    /// After a conflict: perhaps an earlier write of ours was stored and its answer lost.
    async fn still_ours(&mut self) -> bool {
        for _ in 0..3 {
            match self.read().await {
                Ok(Some(lease)) => {
                    let same = lease.process == self.lease.process && !lease.released;
                    return same && lease.epoch <= self.lease.epoch;
                }
                Ok(None) => return false,
                Err(_) => sleep(LOOK).await,
            }
        }
        false
    }

    /// The lease as it is now; notes its revision.
    pub(super) async fn read(&mut self) -> Result<Option<Lease>, Refusal> {
        let subject = platform::key_get_subject(platform::LEASES, &self.name);
        let answer = match self
            .connection
            .ask(subject, None, bytes::Bytes::new(), ANSWER)
            .await
        {
            Ok(answer) => answer,
            Err(Refusal::NotFound) => {
                self.revision = 0;
                return Ok(None);
            }
            Err(refusal) => return Err(refusal),
        };
        let headers = answer.headers.unwrap_or_default();
        self.revision = headers
            .get(SEQUENCE)
            .and_then(|value| value.as_str().parse().ok())
            .ok_or_else(|| Refusal::Other("a lease without a revision".to_owned()))?;
        if headers.get(OPERATION).is_some() {
            return Ok(None);
        }
        serde_json::from_slice(&answer.payload)
            .map(Some)
            .map_err(|_| Refusal::Other("a lease that is no lease".to_owned()))
    }

    async fn write(&mut self) -> Result<(), Refusal> {
        #[derive(serde::Deserialize)]
        struct Stored {
            seq: u64,
        }
        self.lease.at_ms = clock::now_ms();
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED, self.revision.to_string());
        let payload =
            serde_json::to_vec(&self.lease).map_err(|error| Refusal::Other(error.to_string()))?;
        let subject = platform::key_subject(platform::LEASES, &self.name);
        let answer = self
            .connection
            .ask(subject, Some(headers), payload.into(), ANSWER)
            .await?;
        let stored: Stored = serde_json::from_slice(&answer.payload)
            .map_err(|_| Refusal::Other("no acknowledgement".to_owned()))?;
        self.revision = stored.seq;
        Ok(())
    }
}
