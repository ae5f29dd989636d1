use serde::Deserialize;

/// The parameters of `file` as a sink.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The file.
    pub path: String,
    /// The file is renamed before it grows beyond this many bytes.
    pub max_bytes: Option<u64>,
    /// How a message is written.
    #[serde(default, rename = "format")]
    pub _format: Format,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Format {
    /// One JSON document a line.
    #[default]
    Ndjson,
}
