use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::connectors::duration;

/// The parameters of `generate`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The pause between two messages.
    #[serde(deserialize_with = "duration::deserialize")]
    pub every: Duration,
    /// How many; without it, for ever.
    pub count: Option<u64>,
    /// What every message contains besides `sequence`.
    #[serde(default)]
    pub payload: Map<String, Value>,
}
