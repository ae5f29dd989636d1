//! Where sources put messages: the flow's `in` edge in the transit stream.

use bytes::Bytes;
use serde_json::Value;
use vrsky_plan::FlowId;

/// Takes messages in for one flow. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    flow: FlowId,
}

/// Why a message was not taken in. It is not stored: the source must not acknowledge it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The edge or the account is full: back-pressure.
    #[error("the flow's backlog is full")]
    Full,
    /// The broker did not answer in time.
    #[error("the broker is not reachable")]
    Unavailable,
    /// The payload is larger than the tenant's limit, in bytes.
    #[error("the payload is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Intake {
    /// The flow.
    pub fn flow(&self) -> &FlowId {
        &self.flow
    }

    /// The largest payload in bytes.
    pub fn max_payload(&self) -> usize {
        0
    }

    /// Stores one message (a JSON document, or whatever bytes came: the first stage decodes and
    /// dead-letters what is no JSON); returns when the transit stream has acknowledged it. `id` is
    /// the message's id: the same id within two minutes is stored once. `metadata` is an object, `%`
    /// in expressions. Call it concurrently: acknowledgements are pipelined.
    pub async fn store(&self, id: &str, metadata: Option<&Value>, payload: Bytes) -> Result<(), Refused> {
        let _ = (id, metadata, payload);
        Ok(())
    }

    /// Counts a message that the source itself refused (signature, size), with the reason.
    pub fn refused(&self, reason: &str) {
        let _ = reason;
    }

    /// Says that the source cannot work at the moment (a folder that is missing, say); `path` is the
    /// field path in the Flow. Shown as the flow's last error.
    pub fn trouble(&self, path: &str, message: &str) {
        let _ = (path, message);
    }
}
