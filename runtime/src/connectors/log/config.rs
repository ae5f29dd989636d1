use serde::{Deserialize, Serialize};

/// The parameters of `log`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The level.
    #[serde(default)]
    pub level: Level,
    /// Top-level fields of the payload to print.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// How loud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Level {
    /// For information.
    #[default]
    Info,
    /// Somebody should look.
    Warn,
}
