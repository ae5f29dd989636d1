//! `Grant`: a topic shared with another tenant.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Status;

/// The owner of a topic lets another tenant read it. Deleting the Grant, `revoked: true` and
/// `expires` end it: nothing published later reaches the reader.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vrsky.io",
    version = "v1alpha1",
    doc = "A topic shared with another tenant; revocable at any time.",
    kind = "Grant",
    plural = "grants",
    shortname = "gr",
    category = "vrsky",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a grant's name has at most 40 characters"),
    printcolumn = r#"{"name":"To","type":"string","jsonPath":".spec.to.tenant"}"#,
    printcolumn = r#"{"name":"Topic","type":"string","jsonPath":".spec.topic"}"#,
    printcolumn = r#"{"name":"Expires","type":"string","jsonPath":".spec.expires"}"#,
    printcolumn = r#"{"name":"Readers","type":"integer","jsonPath":".status.readers","description":"Flows that read by it."}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantSpec {
    /// Who may read.
    pub to: To,
    /// The topic of this tenant that is shared.
    #[schemars(length(min = 1, max = 40))]
    pub topic: String,
    /// When the grant ends by itself (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires: Option<String>,
    /// Whether the reader may publish data of this topic into a topic that it shares in turn.
    #[serde(default)]
    pub onward: Onward,
    /// What happens, on revocation, to messages that the reader has received and not yet finished.
    #[serde(default)]
    pub revocation: Revocation,
    /// True ends the grant and keeps the object, for the record. Deleting the object ends it, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub revoked: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The reader of a Grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct To {
    /// The reading tenant's name.
    #[schemars(length(min = 1, max = 40))]
    pub tenant: String,
}

/// Onward sharing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Onward {
    /// The reader keeps the data to itself.
    #[default]
    Forbidden,
    /// The reader may share topics that carry this data.
    Allowed,
}

/// The fate of messages in flight on revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Revocation {
    /// What the reader has received before the revocation is still processed.
    #[default]
    Drain,
    /// What the reader has received and not finished is removed, and counted.
    Cut,
}
