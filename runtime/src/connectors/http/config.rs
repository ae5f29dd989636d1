use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::connectors::duration;
use crate::secrets::SecretRef;

/// The parameters of `http`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The method.
    #[serde(default = "post")]
    pub method: String,
    /// The address, without a query.
    pub url: String,
    /// Segments appended to the address.
    #[serde(default)]
    pub path: Vec<Text>,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, Text>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// A token for `Authorization`.
    pub bearer: Option<Key>,
    /// User and password for `Authorization`.
    pub basic: Option<Basic>,
    /// How long one attempt may take.
    #[serde(default = "ten_seconds", deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
    /// What is sent instead of the payload.
    pub body: Option<Expression>,
}

/// A text, as it is or computed from the message.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    /// As it is.
    Literal(String),
    /// Computed.
    Computed(Expression),
}

/// A value computed from the message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expression {
    /// VRL.
    pub expr: String,
}

/// User and password.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Basic {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Key,
}

/// Where a secret is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Key {
    /// The secret.
    pub secret_ref: SecretRef,
}

fn post() -> String {
    "POST".to_owned()
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
