//! `Tenant`: who owns namespaces, and how much they may use.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Status;
use crate::values::{Bytes, Cpu, Duration};

/// A company or team. Written by platform admins; it binds namespaces to one NATS account.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vrsky.io",
    version = "v1alpha1",
    doc = "A company or team: binds namespaces to one NATS account, with quotas.",
    kind = "Tenant",
    plural = "tenants",
    shortname = "vt",
    category = "vrsky",
    status = "Status",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a tenant's name has at most 40 characters"),
    printcolumn = r#"{"name":"Namespaces","type":"string","jsonPath":".spec.namespaces"}"#,
    printcolumn = r#"{"name":"Tier","type":"string","jsonPath":".spec.tier"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantSpec {
    /// The namespaces whose objects belong to this tenant. A namespace belongs to one tenant.
    #[schemars(length(min = 1, max = 64), inner(length(max = 63)))]
    pub namespaces: Vec<String>,
    /// Whether the flows of a namespace share a runtime, or each has its own. Moving between the
    /// two loses nothing.
    #[serde(default)]
    pub tier: Tier,
    /// How much the tenant may use. Incumbents win: what runs is never stopped by a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// Limits of a single payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// How long data may exist at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// What pods in the tenant's namespaces may use of the cluster's nodes. Not given: as much as
    /// the nodes have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
}

/// Who shares a runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Tier {
    /// One Deployment per namespace of the tenant runs all its flows.
    #[default]
    Shared,
    /// One Deployment per flow.
    Dedicated,
}

/// Upper bounds on what a tenant's objects may ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quotas {
    /// Flows, at most. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub flows: Option<u32>,
    /// Topics, at most. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub topics: Option<u32>,
    /// Grants given to others, at most. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub grants: Option<u32>,
    /// Bytes that may lie in the tenant's streams (transit, dead letters, shared). Default 1Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Bytes>,
}

/// Limits of a single payload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload {
    /// The largest payload, at most 1Mi. Default 512Ki.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Bytes>,
}

/// How long data may exist at the most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// Messages on their way; older ones expire and are counted. Default 3d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit: Option<Duration>,
    /// Dead letters; the longest retention that a flow may ask for. Default 14d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<Duration>,
}

/// What pods in a namespace of the tenant may use of the cluster's nodes: a ResourceQuota and a
/// LimitRange in each of them. They bind every pod there, not VRSky's alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compute {
    /// What all pods of a namespace request together, at most. Pods that request nothing are then
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Resources>,
    /// The limits of all pods of a namespace together, at most. Pods without limits are then refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Resources>,
    /// Pods in a namespace, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10000))]
    pub pods: Option<u32>,
    /// What each container gets that does not say it itself, and what it may say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerResources>,
}

/// Of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerResources {
    /// Its limits where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Resources>,
    /// Its requests where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_request: Option<Resources>,
    /// Its limits, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Resources>,
}

/// Of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}
