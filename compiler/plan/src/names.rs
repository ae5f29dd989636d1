//! Names, checked once where they are made.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A name that NATS or Kubernetes would refuse, or read as something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName {
    /// What the name is for.
    pub kind: &'static str,
    /// The text that was refused.
    pub text: String,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is not a valid {}", self.text, self.kind)
    }
}

impl std::error::Error for InvalidName {}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `text`.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text: String = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, text })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

/// A DNS label of RFC 1123, at most `max` characters.
fn dns_label(text: &str, max: usize) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= max
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// One NATS subject token, or stream or consumer name: no separators, wildcards or white space.
fn token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

name!(
    /// A Tenant's name: a DNS label, at most 40 characters.
    TenantName, "tenant name", |text| dns_label(text, 40)
);
name!(
    /// The short id by which a tenant appears in NATS. Made from the Tenant's UID, so that a tenant
    /// that was deleted and made again under the same name shares nothing with its predecessor.
    TenantId, "tenant id", |text| token(text) && text.len() <= 16
);
name!(
    /// A stream's name, unique in the whole system (`$JS.ACK.<stream>` carries no account).
    StreamName, "stream name", token
);
name!(
    /// A consumer's name.
    ConsumerName, "consumer name", token
);
name!(
    /// One durable edge of a flow: `in`, `sink-<name>` or `error-<name>`.
    EdgeName, "edge name", token
);
name!(
    /// A literal subject, without wildcards.
    Subject, "subject", |text| text.len() <= 512 && text.split('.').all(token)
);

impl TenantId {
    /// The id of a tenant: ten characters of the hash of its UID (outside a cluster: its name).
    pub fn of(uid_or_name: &str) -> Self {
        let digest = Sha256::digest(uid_or_name.as_bytes());
        let text = data_encoding::BASE32_NOPAD
            .encode(&digest[..7])
            .to_lowercase();
        Self(text[..10].into())
    }

    /// `T_<id>`: messages in transit.
    pub fn transit_stream(&self) -> StreamName {
        StreamName(format!("T_{self}").into())
    }

    /// `D_<id>`: dead letters.
    pub fn dead_letter_stream(&self) -> StreamName {
        StreamName(format!("D_{self}").into())
    }

    /// `X_<id>`: what the tenant shares.
    pub fn shared_stream(&self) -> StreamName {
        StreamName(format!("X_{self}").into())
    }
}

/// A flow's identity inside its tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlowId {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl FlowId {
    /// Checks both parts: DNS labels, the name at most 40 characters.
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidName> {
        if dns_label(namespace, 63) && dns_label(name, 40) {
            Ok(Self {
                namespace: namespace.into(),
                name: name.into(),
            })
        } else {
            Err(InvalidName {
                kind: "flow",
                text: format!("{namespace}/{name}"),
            })
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `<namespace>_<name>`: one subject token. `_` is in neither part, so no two flows share one.
    pub fn token(&self) -> String {
        format!("{}_{}", self.namespace, self.name)
    }

    /// `e.<flow>.<edge>`: where messages for one edge lie in the transit stream.
    pub fn edge_subject(&self, edge: &EdgeName) -> Subject {
        Subject(format!("e.{}.{edge}", self.token()).into())
    }

    /// `d.<flow>.<step>`: where dead letters of one step lie.
    pub fn dead_letter_subject(&self, step: &str) -> Result<Subject, InvalidName> {
        Subject::new(format!("d.{}.{step}", self.token()))
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

impl TryFrom<String> for FlowId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.split_once('/') {
            Some((namespace, name)) => Self::new(namespace, name),
            None => Err(InvalidName { kind: "flow", text }),
        }
    }
}

impl From<FlowId> for String {
    fn from(flow: FlowId) -> Self {
        flow.to_string()
    }
}

impl EdgeName {
    /// `in`: what the source took in.
    pub fn ingress() -> Self {
        Self("in".into())
    }

    /// `sink-<name>`: a sink that has its own edge.
    pub fn sink(name: &str) -> Result<Self, InvalidName> {
        Self::new(format!("sink-{name}"))
    }

    /// `error-<name>`: a sink of the error branch.
    pub fn error(name: &str) -> Result<Self, InvalidName> {
        Self::new(format!("error-{name}"))
    }

    /// One of the subjects over which the edge is spread: the edge itself, then `<edge>_1` and so
    /// on. The names of sinks have no `_`.
    #[must_use]
    pub fn partition(&self, number: u32) -> Self {
        Self(partition(&self.0, number).into())
    }

    /// The edge that this is a partition of, and which.
    pub fn whole(&self) -> (Self, u32) {
        let parts = self.0.rsplit_once('_');
        let parts = parts.and_then(|(edge, number)| Some((edge, number.parse().ok()?)));
        parts.map_or_else(
            || (self.clone(), 0),
            |(edge, number)| (Self(edge.into()), number),
        )
    }
}

impl Subject {
    /// The subject of one partition of the edge whose subject this is; see [`EdgeName::partition`].
    #[must_use]
    pub fn partition(&self, number: u32) -> Self {
        Self(partition(&self.0, number).into())
    }
}

fn partition(edge: &str, number: u32) -> String {
    match number {
        0 => edge.to_owned(),
        number => format!("{edge}_{number}"),
    }
}
