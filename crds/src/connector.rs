//! `Connector`: a reusable source or sink.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Status;
use crate::values::{JsonSchemaDocument, Parameters};

/// A reusable source or sink. Tenants write `from` another connector with some parameters set (a
/// shared connection); the platform's own are embedded manifests with `builtin`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vrsky.io",
    version = "v1alpha1",
    doc = "A reusable source or sink, or a shared connection.",
    kind = "Connector",
    plural = "connectors",
    shortname = "cn",
    category = "vrsky",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a connector's name has at most 40 characters"),
    validation = Rule::new("has(self.spec.from) != has(self.spec.builtin)").message("exactly one of from and builtin"),
    printcolumn = r#"{"name":"From","type":"string","jsonPath":".spec.from"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectorSpec {
    /// The connector that this one sets parameters of. Its sides and their parameters are inherited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub from: Option<String>,
    /// Parameters set here; a flow sets the rest and cannot change these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Parameters>,
    /// The platform's implementation. Only the manifests embedded in VRSky may name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub builtin: Option<String>,
    /// The connector's source side, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Side>,
    /// The connector's sink side, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<Side>,
    /// One line for people who choose a connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub description: Option<String>,
}

/// One side of a connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Side {
    /// JSON Schema of the parameters. Two annotations are VRSky's own: `x-vrsky-secret: true` (only
    /// `{secretRef: {name, key}}` is accepted) and `x-vrsky-expression: true` (`{expr: VRL}` is
    /// accepted beside a literal).
    pub parameters: JsonSchemaDocument,
}
