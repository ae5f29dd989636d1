//! `Flow`: one source, steps, sinks.

use std::collections::BTreeMap;

use kube::CustomResource;
use litemap::LiteMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Status;
use crate::values::{Contract, Duration, Parameters};

/// An integration: one source, steps, sinks.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vrsky.io",
    version = "v1alpha1",
    doc = "An integration: one source, steps, sinks.",
    kind = "Flow",
    plural = "flows",
    shortname = "fl",
    category = "vrsky",
    namespaced,
    status = "Status",
    scale(
        spec_replicas_path = ".spec.scale.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a flow's name has at most 40 characters"),
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Running","type":"integer","jsonPath":".status.running.generation","description":"The generation that runs."}"#,
    printcolumn = r#"{"name":"Generation","type":"integer","jsonPath":".metadata.generation","priority":1}"#,
    printcolumn = r#"{"name":"Pods","type":"integer","jsonPath":".status.replicas","priority":1}"#,
    printcolumn = r#"{"name":"Suspended","type":"boolean","jsonPath":".spec.suspend","priority":1}"#,
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".status.url","priority":1}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowSpec {
    /// Where messages come from.
    pub source: Source,
    /// What happens to every message, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub steps: Vec<Step>,
    /// Where messages go. The names are identities: renaming a sink makes a new one.
    #[schemars(with = "BTreeMap<String, Sink>", extend("minProperties" = 1, "maxProperties" = 16))]
    pub sinks: LiteMap<String, Box<Sink>>,
    /// Where messages go that a step or a sink gave up on, before the dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// Delivery defaults of every sink, and dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<FlowDelivery>,
    /// True stops the flow: webhooks answer 503, nothing is read, what is in transit waits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// How many pods run the flow. Only in tenants of tier `Dedicated`, where a flow has pods of its
    /// own. Default: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

/// How many pods run a flow: as many as what waits asks for, between `min` and `max`; or `replicas`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.replicas) || self.replicas <= (has(self.max) ? self.max : 1)", "message": "replicas is at most max"}
]))]
pub struct Scale {
    /// Pods, at least. Default 1: one runs always. 0: none runs while nothing waits, and one comes as
    /// soon as a message does; only for flows that read a topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 16))]
    pub min: Option<u32>,
    /// Pods, at most; default 1. Above 1 messages are spread over as many partitions, each in its own
    /// order, and there is no order among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub max: Option<u32>,
    /// Pods, whatever waits: for `kubectl scale` and autoscalers of others. While it is set, ours
    /// rests, and `min` does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub replicas: Option<u32>,
    /// Messages that may wait for each pod; more bring another, up to `max`. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub backlog_per_pod: Option<u32>,
    /// How long a pod must not have been needed before it goes, from 10s to 1d. Default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_after: Option<Duration>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where messages come from. Exactly one of `connector` and `topic`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.connector) != has(self.topic)", "message": "exactly one of connector and topic"}
]))]
pub struct Source {
    /// A connector with a source side: `webhook`, `schedule`, `generate`, `file`, or one of yours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub connector: Option<String>,
    /// A topic: `name` of this tenant, or `tenant/name` that was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 81))]
    pub topic: Option<String>,
    /// Parameters of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Parameters>,
    /// How bytes become a payload. Default `json`. A file is read line by line with `ndjson` and
    /// row by row with `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decode>,
    /// What the payload looks like. A topic brings its own. Without one, no field may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
}

/// How bytes become a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Decode {
    /// One JSON document.
    #[default]
    Json,
    /// One JSON document a line; each line is a message.
    Ndjson,
    /// A header row, then one message a row; every field is a string.
    Csv,
}

/// One step. Exactly one of `filter` and `map`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.filter) != has(self.map)", "message": "exactly one of filter and map"}
]))]
pub struct Step {
    /// A name for dead letters and errors; default: the step's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub name: Option<String>,
    /// A VRL expression: messages for which it is false are dropped, and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub filter: Option<String>,
    /// A VRL program that changes the message: assign to `.` or to fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub map: Option<String>,
}

/// Where messages go. Exactly one of `connector` and `topic`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.connector) != has(self.topic)", "message": "exactly one of connector and topic"},
    {"rule": "!(has(self.when) && has(self.otherwise))", "message": "when and otherwise exclude each other"}
]))]
pub struct Sink {
    /// A VRL expression: the sink gets the messages for which it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub when: Option<String>,
    /// True: the sink gets the messages for which no sink's `when` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<bool>,
    /// Steps of this branch alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub steps: Vec<Step>,
    /// A connector with a sink side: `http`, `file`, `log`, or one of yours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub connector: Option<String>,
    /// A topic of this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 81))]
    pub topic: Option<String>,
    /// Parameters of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Parameters>,
    /// Delivery of this sink; what is not set here comes from `spec.delivery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// The error branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnError {
    /// Where the error documents go: `{flow, step, path, error, attempts, messageId, payload}`.
    #[schemars(with = "BTreeMap<String, ErrorSink>", extend("minProperties" = 1, "maxProperties" = 4))]
    pub sinks: LiteMap<String, ErrorSink>,
}

/// A sink of the error branch: a connector, and no conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorSink {
    /// A connector with a sink side.
    #[schemars(length(min = 1, max = 253))]
    pub connector: String,
    /// Parameters of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Parameters>,
    /// Delivery of this sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// How hard a sink tries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// Attempts and the pauses between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
}

/// Delivery defaults of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowDelivery {
    /// Attempts and the pauses between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// Dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
}

/// Attempts and the pauses between them: `first`, doubled each time up to `max`, with jitter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// Attempts in all, the first included. Default 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: Option<u32>,
    /// The first pause. Default 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Duration>,
    /// The longest pause. Default 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
}

/// Dead letters of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetter {
    /// How long dead letters are kept, at most the tenant's `retention.deadLetters`. Default 7d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
}
