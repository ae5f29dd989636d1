//! Sharing between accounts by durable sourcing: a consumer on the owner's shared stream, made for
//! one grant and one reading flow, sourced into the reader's transit stream.

use serde::{Deserialize, Serialize};

use crate::{ConsumerName, FlowId, StreamName, Subject, TenantId, TenantName};

/// One granted topic read by one flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Import {
    /// The tenant that owns the topic.
    pub owner: TenantName,
    /// Its id.
    pub owner_id: TenantId,
    /// The grant, `<namespace>/<name>` at the owner.
    pub grant: String,
    /// The topic's name at the owner.
    pub topic: String,
    /// The owner's shared stream.
    pub stream: StreamName,
    /// The subject of the topic in it: `x.<topic>`.
    pub filter: Subject,
    /// The durable consumer made for this import on the owner's stream; its name starts with the
    /// grant's id (`g<hash>-<flow hash>`).
    pub consumer: ConsumerName,
    /// The flow that reads.
    pub flow: FlowId,
    /// Where messages go in the reader's transit stream: `e.<flow>.in`.
    pub into: Subject,
    /// What happens on revocation to what the reader has received and not finished.
    pub revocation: Revocation,
    /// When the grant ends by itself, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// The fate of messages in flight on revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Revocation {
    /// They are still processed.
    Drain,
    /// They are purged, and counted.
    Cut,
}
