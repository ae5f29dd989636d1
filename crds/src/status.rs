//! Status: what the operator found and did. A cache, never an input.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most diagnostics that a status holds; the gravest come first.
pub const MAX_DIAGNOSTICS: usize = 20;

/// What the operator found and did. Every kind has the same; a field that is about one kind only
/// says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation that this status describes; −1 until the operator has seen the object.
    #[serde(default = "unseen")]
    pub observed_generation: i64,
    /// `Accepted`, `ResolvedRefs`, `Programmed` and `Ready` always; `Reconciling` or `Stalled`, and
    /// `Suspended`, `Degraded`, `Backlogged`, `DeadLettered`, `Revoked` and `Paused`, only when true.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub conditions: Vec<Condition>,
    /// What the compiler says of this object: at most 20, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub diagnostics: Vec<Diagnostic>,
    /// Of a Flow: what serves. Absent while nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Of a Flow with a webhook: where requests are taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of a Flow that has pods of its own: how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    /// Of a Flow that has pods of its own: the label selector by which they are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Of a Grant: how many flows read by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub readers: Option<i32>,
    /// Of a Grant that has ended: the audit entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
}

/// One finding of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// Its code; `vrsky explain CODE` prints its page.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The field path, such as `spec.steps[0].map`; empty for the object itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is wrong and how to mend it, in one line.
    pub message: String,
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The object's change does not take effect.
    Error,
    /// It refers to what cannot be seen from here, and does not take effect.
    Unverifiable,
    /// It takes effect, and whether messages fit a contract is found out one by one.
    Unproven,
    /// It takes effect, and is probably not what was meant.
    Warning,
}

/// What serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// The generation of the Flow that runs; of several at once the oldest.
    pub generation: i64,
    /// The hash of the program that runs.
    pub program_hash: String,
}

/// How a Grant ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// When the end was verified: nothing published later reaches a reader.
    pub at: Time,
    /// Messages that readers had received and not finished, removed by `revocation: Cut`.
    #[schemars(range(min = 0))]
    pub messages_removed: i64,
}

fn unseen() -> i64 {
    -1
}

impl Default for Status {
    fn default() -> Self {
        Self {
            observed_generation: unseen(),
            conditions: Vec::new(),
            diagnostics: Vec::new(),
            running: None,
            url: None,
            replicas: None,
            selector: None,
            readers: None,
            revocation: None,
        }
    }
}
