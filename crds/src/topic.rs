//! `Topic`: a named, typed stream that flows write to and read from.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Status;
use crate::values::Contract;

/// A named, typed stream: what teams and companies agree on. Writers and readers are each checked
/// against its contract; a breaking change is a new Topic.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vrsky.io",
    version = "v1alpha1",
    doc = "A named, typed stream: what teams and companies agree on.",
    kind = "Topic",
    plural = "topics",
    shortname = "tp",
    category = "vrsky",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a topic's name has at most 40 characters"),
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicSpec {
    /// What every message on this topic looks like.
    pub contract: Contract,
    /// One line for people who discover the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub description: Option<String>,
}
