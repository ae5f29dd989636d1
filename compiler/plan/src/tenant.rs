//! What one tenant has: an account, streams, permissions, programs, and what it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::{FlowId, Import, Program, StreamName, TenantId, Workload};

/// One tenant's part of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// Its id in NATS.
    pub id: TenantId,
    /// Limits of its NATS account.
    pub limits: Limits,
    /// Its streams: transit and dead letters always, shared while it has a grant. Sorted by name.
    pub streams: Vec<Stream>,
    /// What each role may do inside the account (the template of a scoped signing key). The roles:
    /// `runtime`, and `support` (reads and redrives dead letters; used by `vrsky dlq`).
    pub roles: LiteMap<String, Permissions>,
    /// What it reads of others. Everything a grant needs on both sides is here, in the reader's
    /// part: the owner's plan does not depend on who reads.
    pub imports: Vec<Import>,
    /// What its runtime executes.
    pub programs: BTreeMap<FlowId, Arc<Program>>,
    /// What runs the programs in a cluster. Sorted. Outside one, one process runs them all.
    pub workloads: Vec<Workload>,
    /// What pods in its namespaces may use of a cluster's nodes. Absent: what the nodes have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
    /// What other tenants let it read, whether or not it does. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<Offers>,
}

/// What other tenants let a tenant read, for its people to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offers {
    /// The tenant's namespaces.
    pub namespaces: BTreeSet<String>,
    /// By topic, `<owner>/<topic>`.
    pub topics: BTreeMap<String, Offer>,
}

/// One topic that another tenant lets a tenant read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// The Grant, `<namespace>/<name>`.
    pub grant: String,
    /// Until when, RFC 3339; absent: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether the reader may share topics that carry this data.
    pub onward: bool,
}

/// What pods in a tenant's namespaces may use of a cluster's nodes, in Kubernetes' words and notation:
/// `requests.cpu: 500m`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compute {
    /// The namespaces, each of which has all of the rest to itself.
    pub namespaces: BTreeSet<String>,
    /// All pods together, at most.
    pub quota: BTreeMap<String, String>,
    /// A container's limits where it says none.
    pub default: BTreeMap<String, String>,
    /// A container's requests where it says none.
    pub default_request: BTreeMap<String, String>,
    /// A container's limits, at most.
    pub max: BTreeMap<String, String>,
}

/// Limits of an account. −1 is unlimited, as in the account's JWT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Bytes on disk, replicas included.
    pub disk_storage: i64,
    /// Bytes in memory (consumers only).
    pub memory_storage: i64,
    /// Streams.
    pub streams: i64,
    /// Consumers.
    pub consumers: i64,
    /// Connections.
    pub connections: i64,
    /// The largest message in bytes, headers included.
    pub payload: i64,
}

/// What a stream is for. It decides everything that the sizes below do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamRole {
    /// `T_<id>`, subjects `e.>`: limits retention, discard new per subject; imports are its sources.
    Transit,
    /// `D_<id>`, subjects `d.>`: limits retention, discard new per subject, per-message TTL.
    DeadLetters,
    /// `X_<id>`, subjects `x.>`: limits retention, discard old.
    Shared,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// What it is for.
    pub role: StreamRole,
    /// The subjects it stores, with wildcards. Sorted.
    pub subjects: Vec<String>,
    /// Bytes, at most.
    pub max_bytes: i64,
    /// Seconds that a message lives, at most.
    pub max_age_seconds: u64,
    /// Messages on one subject, at most.
    pub max_messages_per_subject: i64,
    /// The largest message in bytes, headers included.
    pub max_message_size: i32,
    /// Replicas, 1 or 3.
    pub replicas: usize,
}

/// Permissions of one role. An empty `allow` list means everything to NATS, so neither is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permissions {
    /// Subjects it may publish to. Sorted, not empty. `<user>` stands for the user's own name.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to. Sorted, not empty.
    pub subscribe: Vec<String>,
}
