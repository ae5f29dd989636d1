//! A flow's program: all that the runtime needs to execute one flow.
//!
//! A program is a set of stages joined by durable edges. The stage `in` reads what the source took
//! in. An output either delivers at once (`Deliver`), publishes to readers of a topic, or moves the
//! message onto another edge, whose stage goes on with it. A flow with one connector sink has one
//! stage; with several, each sink has its own edge, so that a slow one holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{EdgeName, FlowId, Subject, TenantId, TenantName};

/// One flow's program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Program {
    /// [`crate::VERSION`].
    pub version: u32,
    /// SHA-256 (hex) over the program's JSON with this field empty; see [`Program::sealed`].
    pub hash: Box<str>,
    /// Whose flow it is.
    pub tenant: TenantName,
    /// The tenant's id in NATS.
    pub tenant_id: TenantId,
    /// The flow.
    pub flow: FlowId,
    /// The generation of the Flow that this program was made from; 0 outside a cluster.
    pub generation: i64,
    /// True: nothing is taken in and no edge is read; what is in transit waits.
    pub suspended: bool,
    /// Where messages come from.
    pub source: Source,
    /// The stages, by the edge that each reads.
    pub stages: LiteMap<EdgeName, Box<Stage>>,
    /// How long dead letters are kept, in seconds (`Nats-TTL`).
    pub dead_letter_seconds: u64,
    /// The largest payload in bytes.
    pub max_payload: usize,
    /// Over how many subjects each edge is spread, so that as many processes can read it side by
    /// side. A message goes to the one that its id decides; see [`EdgeName::partition`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub partitions: u32,
    /// How many pods run it, where that is not one. Matters to those who run runtimes, not to a
    /// runtime. Here, so that a flow whose change is withheld keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

/// How many pods run a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// At least.
    pub min: u32,
    /// At most. Where it is `min`, what waits does not matter.
    pub max: u32,
    /// Messages that may wait for each pod: more bring another.
    pub backlog_per_pod: u32,
    /// A pod goes after so many seconds in which it was not needed.
    pub idle_seconds: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

/// Where messages come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Source {
    /// The runtime takes them in with a connector and publishes them to `e.<flow>.in`.
    #[serde(rename_all = "camelCase")]
    Connector {
        /// The builtin's name: `webhook`, `schedule`, `generate`, `file`.
        builtin: Box<str>,
        /// Its parameters, proved against its schema. Secrets are `{secretRef: {name, key}}`.
        with: JsonText,
        /// How bytes become payloads.
        decode: Decode,
    },
    /// Others publish them to `e.<flow>.in`: flows of this tenant, or an import.
    #[serde(rename_all = "camelCase")]
    Topic {
        /// `<tenant>/<topic>`.
        topic: String,
    },
}

/// How bytes become payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decode {
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// A header row, then one object of strings a row.
    Csv,
}

/// What happens to the messages of one edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// The subject of the edge in the transit stream: `e.<flow>.<edge>`.
    pub subject: Subject,
    /// What arrives.
    pub input: Input,
    /// Steps, in order.
    pub steps: Box<[Step]>,
    /// Where messages go, by the sink's name. All whose `when` holds; `otherwise` when none does.
    pub outputs: LiteMap<String, Box<Output>>,
    /// Edges of the error branch (`error-<name>`). Empty: straight to the dead letters.
    pub on_error: Box<[Subject]>,
}

/// What arrives at a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// The contract, or the type that the compiler inferred. Expressions are compiled against it, in
    /// the compiler and in the runtime alike.
    pub schema: JsonText,
    /// Whether each message is checked against it on arrival (a contract), or was proved (inferred).
    pub check: bool,
    /// The field path in the Flow of what the schema comes from, such as `spec.source.contract`.
    pub path: Box<str>,
}

/// A JSON value that a plan carries: its text, which takes a tenth of the memory of a tree of maps.
/// Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// The value, to look into.
    pub fn value(&self) -> Value {
        self.0.parse().expect("it was made from a value")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The step's name: as given, else `step-<n>` from 1. A subject token.
    pub name: Box<str>,
    /// Where it stands in the Flow, such as `spec.steps[0].map`.
    pub path: Box<str>,
    /// What it does.
    #[serde(flatten)]
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Drops messages for which the expression is false.
    Filter(Expression),
    /// Changes the message.
    Map(Expression),
}

/// An expression's text and language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expression {
    /// The language.
    pub language: Language,
    /// The text.
    pub source: Box<str>,
}

/// An expression's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Language {
    /// Vector Remap Language.
    Vrl,
}

/// One way out of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// Where it stands in the Flow, such as `spec.sinks.erp`.
    pub path: Box<str>,
    /// Which messages take it.
    pub condition: Condition,
    /// Steps of this branch; empty when the target is an edge (its stage has them).
    pub steps: Box<[Step]>,
    /// Where it leads.
    pub target: Target,
}

/// Which messages take an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// All.
    Always,
    /// Those for which the expression is true.
    When(Expression),
    /// Those for which no `when` of the stage holds.
    Otherwise,
}

/// Where an output leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// Another edge of this flow.
    Edge(Subject),
    /// The readers of a topic.
    #[serde(rename_all = "camelCase")]
    Topic {
        /// The topic's name.
        topic: String,
        /// Its contract, checked on every message before it is published.
        contract: JsonText,
        /// `e.<reader>.in` of this tenant's readers, and `x.<topic>` while it is shared. Sorted.
        /// Empty: nobody reads; messages are counted and dropped.
        publish: Vec<Subject>,
        /// Over how many subjects a reader spreads what it gets, where that is not one.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        partitions: BTreeMap<Subject, u32>,
    },
    /// A connector.
    #[serde(rename_all = "camelCase")]
    Deliver {
        /// The builtin's name: `http`, `file`, `log`.
        builtin: Box<str>,
        /// Its parameters, proved against its schema. `{secretRef: {name, key}}` and `{expr: VRL}`
        /// stand where the schema allows them.
        with: JsonText,
        /// How hard it tries.
        retries: Retries,
    },
}

/// Attempts and the pauses between them: `first`, doubled each time up to `max`, with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The first pause, in milliseconds.
    pub first_ms: u64,
    /// The longest pause, in milliseconds.
    pub max_ms: u64,
}

impl Program {
    /// The program with its hash.
    pub fn sealed(mut self) -> Self {
        self.hash = Box::default();
        let json = serde_json::to_vec(&self).expect("a program has only string keys");
        self.hash = data_encoding::HEXLOWER
            .encode(&Sha256::digest(&json))
            .into();
        self
    }
}
