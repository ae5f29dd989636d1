//! What `vrsky dev --output json` prints: one JSON document a line.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One line. Fields that no story needs are left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// Everything runs.
    Ready {
        /// Where each tenant's webhooks are taken in: `http://<address>/<tenant>`.
        urls: BTreeMap<String, String>,
        /// The NATS server.
        nats: String,
        /// Milliseconds since the start.
        ms: u64,
    },
    /// A save took effect.
    Applied {
        /// Milliseconds since the save was seen.
        ms: u64,
        /// Flows whose program changed, came or went.
        flows: Vec<String>,
        /// Imports that ended.
        revoked: Vec<Revoked>,
        /// Whether the runtimes report the new programs.
        confirmed: bool,
    },
    /// What the compiler found.
    Diagnostics {
        /// How many are errors.
        errors: usize,
        /// The findings.
        diagnostics: Vec<Diagnostic>,
        /// Milliseconds since the save was seen.
        ms: u64,
    },
    /// A runtime process started or exited.
    Runtime {
        /// Whose.
        tenant: String,
        /// The process.
        pid: u32,
        /// `started` or `exited`.
        state: String,
    },
    /// What a flow does.
    Report(Box<Report>),
    /// Something in the environment went wrong.
    Trouble {
        /// What.
        error: String,
    },
    /// Everything has ended.
    Stopped,
    /// Something else.
    #[serde(other)]
    Other,
}

/// An import that ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// The grant, `<namespace>/<name>`.
    pub grant: String,
    /// The reading flow.
    pub flow: String,
    /// Messages removed.
    pub purged: u64,
}

/// A finding of the compiler.
#[derive(Clone, Debug, Deserialize)]
pub struct Diagnostic {
    /// Such as `VRS0201`.
    pub code: String,
    /// `error`, `unverifiable`, `unproven` or `warning`.
    pub severity: String,
    /// One line.
    pub headline: String,
    /// Where.
    pub primary: Place,
}

/// A place in a file.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The file.
    pub origin: String,
    /// The line, from 1.
    pub line: usize,
    /// The field path.
    pub path: String,
}

/// What a flow does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The tenant.
    pub tenant: String,
    /// `<namespace>/<name>`.
    pub flow: String,
    /// The hash of the program that runs.
    pub program: String,
    /// The process.
    pub process: String,
    /// `{state: running | suspended | blocked, …}`.
    pub state: Value,
    /// Where the cause of the state stands.
    #[serde(default)]
    pub at: Option<Spot>,
    /// What the process counted.
    pub counters: Counters,
    /// Messages that wait, by edge.
    #[serde(default)]
    pub backlog: BTreeMap<String, u64>,
    /// The last thing that went wrong.
    #[serde(default)]
    pub last_error: Option<LastError>,
}

/// Messages that a process counted since it started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Taken in and stored.
    pub accepted: u64,
    /// Dropped by a filter.
    pub filtered: u64,
    /// By output.
    pub delivered: BTreeMap<String, u64>,
    /// Published to a topic that nobody reads.
    pub unread: u64,
    /// Stored as dead letters.
    pub dead_lettered: u64,
}

/// The last thing that went wrong.
#[derive(Clone, Debug, Deserialize)]
pub struct LastError {
    /// The field path.
    pub path: String,
    /// What happened.
    pub message: String,
    /// Where it stands.
    #[serde(default)]
    pub at: Option<Spot>,
}

/// A place in a manifest.
#[derive(Clone, Debug, Deserialize)]
pub struct Spot {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}
