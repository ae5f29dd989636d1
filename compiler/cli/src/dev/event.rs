//! What `vrsky dev` has to tell: lines for people, one JSON document each for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use vrsky_broker::{Action, Revoked};
use vrsky_plan::report::{Counters, State};
use vrsky_plan::{EdgeName, FlowId, TenantName};

/// Something to tell. `ms` are milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Event {
    /// Everything runs; `ms` since the start.
    Ready {
        /// Where each tenant's webhooks are taken in.
        urls: BTreeMap<TenantName, String>,
        /// The server.
        nats: String,
        ms: u64,
    },
    /// A save took effect: all runtimes concerned report the new programs; `ms` since the save was
    /// seen.
    Applied {
        ms: u64,
        /// Flows whose program changed, came or went.
        flows: Vec<String>,
        actions: Vec<Action>,
        revoked: Vec<Revoked>,
        /// False: some runtime did not report in time; it is still waited for.
        confirmed: bool,
    },
    /// What the compiler found in the last save.
    Diagnostics {
        /// Errors: what they concern did not take effect.
        errors: usize,
        unverifiable: usize,
        unproven: usize,
        warnings: usize,
        unreadable: Vec<Value>,
        diagnostics: Vec<Value>,
        ms: u64,
    },
    /// A runtime process.
    Runtime {
        tenant: TenantName,
        pid: u32,
        /// `started` or `exited`.
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The pause before it is started again, if it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        restart_in_ms: Option<u64>,
    },
    /// A line that a runtime wrote.
    Output { tenant: TenantName, line: String },
    /// What a flow does, whenever it changed.
    Report(Box<Told>),
    /// Something in the environment went wrong; dev goes on and tries again.
    Trouble { error: String },
    /// Everything has ended.
    Stopped,
}

/// What a flow does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    pub(crate) tenant: TenantName,
    pub(crate) flow: FlowId,
    pub(crate) program: String,
    pub(crate) process: String,
    pub(crate) state: State,
    /// Where the cause of `state` stands, when it is a field: `file:line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Spot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    pub(crate) counters: Counters,
    pub(crate) backlog: BTreeMap<EdgeName, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<ToldError>,
}

/// The last thing that went wrong in a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToldError {
    pub(crate) at_ms: u64,
    pub(crate) path: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Spot>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl std::fmt::Display for Spot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}
