//! What the runtime says of itself, and the leases by which one process owns an edge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{EdgeName, FlowId};

/// The key `index` beside a tenant's programs: which programs exist, by hash. Written after the
/// programs that it names, so whoever reads it finds them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// Flow to program hash.
    pub programs: BTreeMap<FlowId, String>,
}

/// What one runtime process says of one flow, at each change of state and every two seconds.
/// Published to `reports.<tenant id>.<flow token>.<process>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The flow.
    pub flow: FlowId,
    /// The hash of the program that runs.
    pub program: String,
    /// The generation that runs.
    pub generation: i64,
    /// The process that reports (random at its start): counters start from 0 with it.
    pub process: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What the flow is doing.
    pub state: State,
    /// Where webhooks of this flow are taken in, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Messages counted since the process started.
    pub counters: Counters,
    /// Messages that wait, by edge: asked of the edge's consumer.
    pub backlog: BTreeMap<EdgeName, u64>,
    /// The last thing that went wrong. Never holds a payload or a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

/// Messages that wait, by flow and edge: what a runtime serves as `/backlog`. No entry for an edge that
/// it does not read.
pub type Backlog = BTreeMap<FlowId, BTreeMap<EdgeName, u64>>;

/// What a flow is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum State {
    /// It runs.
    Running,
    /// It is suspended.
    Suspended,
    /// It cannot run, for example for a missing secret; what is in transit waits.
    #[serde(rename_all = "camelCase")]
    Blocked {
        /// Why, in one sentence.
        reason: String,
        /// The field path of the cause, if it is one.
        path: Option<String>,
        /// What kind of thing is in the way.
        #[serde(default)]
        cause: Cause,
    },
}

/// What kind of thing is in a flow's way. A word that a reader does not know is `Other` to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A secret, or a key in it, is missing or of no use.
    SecretNotFound,
    /// The dead letters take no more.
    DeadLetterFull,
    /// Something else.
    #[default]
    #[serde(other)]
    Other,
}

/// Messages counted. Every accepted message ends in exactly one of `filtered`, `unread`, `delivered`
/// (per output), `dead_lettered`, `errored` (taken by the error branch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Taken in by the source and stored.
    pub accepted: u64,
    /// Refused by the source (signature, size, back-pressure).
    pub refused: u64,
    /// Dropped by a filter, or for which no output's condition held.
    pub filtered: u64,
    /// Acknowledged by a sink, or stored for all readers of a topic; by output.
    pub delivered: BTreeMap<String, u64>,
    /// Published to a topic that nobody reads.
    pub unread: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Taken by the error branch.
    pub errored: u64,
    /// Stored as dead letters.
    pub dead_lettered: u64,
}

impl Counters {
    /// Messages that came to an end, or an attempt of theirs.
    pub fn done(&self) -> u64 {
        let delivered: u64 = self.delivered.values().sum();
        let ended = self.filtered + self.unread + self.errored + self.dead_lettered;
        ended + delivered + self.retried
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The field path in the Flow of what failed, such as `spec.sinks.erp`.
    pub path: String,
    /// What happened, in one sentence.
    pub message: String,
}

/// Who owns an edge. Lies at `$KV.leases.<tenant id>.<flow token>.<edge>`; the revision of that key
/// is the fence: an owner whose compare-and-set fails has lost the edge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Counts owners, from 1. The consumer is `<flow token>_<edge>-<epoch>`.
    pub epoch: u64,
    /// The process that owns the edge.
    pub process: String,
    /// When it last renewed, in milliseconds since 1970 by its own clock; for people. Others count
    /// the expiry from when they saw the revision change.
    pub at_ms: u64,
    /// True when the owner let go in good order: the next one need not wait.
    pub released: bool,
    /// How many owners in a row ended without letting go, each before it was through with what it
    /// had found. From two on, the owner works on one message at a time until it is.
    #[serde(default)]
    pub unclean: u32,
    /// The message under way, by its sequence in the transit stream: noted only while messages are
    /// worked on one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<u64>,
    /// Messages that were noted when an owner ended without letting go: by sequence, how often. One
    /// of them may be what ends the process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suspects: BTreeMap<u64, u32>,
}
