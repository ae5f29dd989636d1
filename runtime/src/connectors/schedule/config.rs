use serde::Deserialize;
use serde_json::{Map, Value};

/// The parameters of `schedule`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// Five fields, or six with seconds first.
    pub cron: String,
    /// An IANA time zone.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What every message contains besides `time`.
    #[serde(default)]
    pub payload: Map<String, Value>,
}

fn utc() -> String {
    "UTC".to_owned()
}
