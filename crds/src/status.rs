//! Status: what the operator found and did. A cache, never an input.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The status that every kind has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation that this status describes; −1 until the operator has seen the object.
    #[serde(default = "unseen")]
    pub observed_generation: i64,
    /// `Accepted`, `ResolvedRefs`, `Programmed`, `Ready`; `Reconciling` or `Stalled` when true.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

fn unseen() -> i64 {
    -1
}

impl Default for Status {
    fn default() -> Self {
        Self {
            observed_generation: unseen(),
            conditions: Vec::new(),
        }
    }
}
