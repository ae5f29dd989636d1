use std::time::Duration;

use serde::Deserialize;

use crate::connectors::duration;

/// The parameters of `file` as a source.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The folder to watch.
    pub folder: String,
    /// A glob on the file's name.
    #[serde(default = "all")]
    pub pattern: String,
    /// The pause between two looks.
    #[serde(default = "second", deserialize_with = "duration::deserialize")]
    pub every: Duration,
    /// Where finished files go; without it, `.done` in the folder.
    pub done: Option<String>,
}

fn all() -> String {
    "*".to_owned()
}

fn second() -> Duration {
    Duration::from_secs(1)
}
