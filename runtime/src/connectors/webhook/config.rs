use serde::Deserialize;

use crate::secrets::SecretRef;

/// The parameters of `webhook`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    /// The path below the tenant's own, such as `/orders`.
    pub path: String,
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// How the sender proves who it is.
    pub verify: Option<Verify>,
    /// The largest body in bytes.
    pub max_bytes: Option<usize>,
}

/// The methods that a webhook may have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    /// The usual one.
    #[default]
    Post,
    /// For senders that insist.
    Put,
}

/// How the sender proves who it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Verify {
    /// A signature by the Standard Webhooks specification.
    StandardWebhooks(Key),
    /// GitHub's `X-Hub-Signature-256`.
    Github(Key),
}

/// Where the secrets are: one a line, any of them may match.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Key {
    /// The secret.
    pub secret_ref: SecretRef,
}

impl Method {
    pub(super) fn name(self) -> http::Method {
        match self {
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
        }
    }
}

impl Verify {
    /// Where the reference to the secret stands in the Flow.
    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::StandardWebhooks(_) => "spec.source.with.verify.standardWebhooks.secretRef",
            Self::Github(_) => "spec.source.with.verify.github.secretRef",
        }
    }

    pub(super) fn secret(&self) -> &SecretRef {
        match self {
            Self::StandardWebhooks(key) | Self::Github(key) => &key.secret_ref,
        }
    }
}
