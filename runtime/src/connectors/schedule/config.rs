use serde::Deserialize;
use serde_json::Value;

/// The parameters of `schedule`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// Five fields, or six with seconds first.
    pub cron: String,
    /// An IANA time zone.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The message; an object gets the field `time`.
    #[serde(default = "empty")]
    pub payload: Value,
}

fn empty() -> Value {
    serde_json::json!({})
}

fn utc() -> String {
    "UTC".to_owned()
}
