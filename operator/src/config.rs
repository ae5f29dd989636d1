//! The operator's configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, Toleration};
use serde::{Deserialize, Serialize};

/// What the chart decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The broker.
    pub nats: Nats,
    /// The pods that run flows.
    pub runtime: Runtime,
    /// How webhooks are reached.
    #[serde(default)]
    pub webhooks: Webhooks,
}

/// The broker.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nats {
    /// Where it is, for the operator and for runtimes alike.
    pub url: String,
    /// The namespace of its pods (label `app.kubernetes.io/name: nats`); absent: outside the cluster.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The evaluation server whose configuration the operator writes; absent: it is not ours.
    #[serde(default)]
    pub server: Option<Server>,
    /// How many servers keep each message.
    #[serde(default)]
    pub replicas: Replicas,
}

/// How many servers keep each message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub enum Replicas {
    /// One. What it holds is gone with its disk.
    #[default]
    One,
    /// Three, of which one may be lost.
    Three,
}

impl TryFrom<usize> for Replicas {
    type Error = &'static str;

    fn try_from(count: usize) -> Result<Self, Self::Error> {
        match count {
            1 => Ok(Self::One),
            3 => Ok(Self::Three),
            _ => Err("nats.replicas: 1 or 3"),
        }
    }
}

impl Replicas {
    /// Their number.
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// The evaluation server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// The folder of its files.
    pub store_dir: PathBuf,
    /// Bytes on disk for streams, in Kubernetes' notation.
    pub max_file_store: String,
    /// Bytes in memory, in Kubernetes' notation.
    pub max_memory_store: String,
}

/// The pods that run flows.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Runtime {
    /// The image.
    pub image: String,
    /// When to pull it.
    #[serde(default)]
    pub image_pull_policy: Option<String>,
    /// Secrets to pull it with; they lie in the tenants' namespaces.
    #[serde(default)]
    pub image_pull_secrets: Vec<String>,
    /// Requests and limits.
    #[serde(default)]
    pub resources: ResourceRequirements,
    /// Which nodes.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated.
    #[serde(default)]
    pub tolerations: Vec<Toleration>,
    /// Its priority.
    #[serde(default)]
    pub priority_class_name: Option<String>,
    /// Environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Certificate authorities (PEM) that are trusted beside those of the image.
    #[serde(default)]
    pub ca_certificates: Option<String>,
}

/// How webhooks are reached.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhooks {
    /// What `status.url` begins with; absent: the Service's address in the cluster.
    #[serde(default)]
    pub url: Option<String>,
    /// An Ingress for each webhook; absent: the way in from outside is not ours.
    #[serde(default)]
    pub ingress: Option<Ingress>,
    /// An HTTPRoute for each webhook; absent: as above.
    #[serde(default)]
    pub http_route: Option<HttpRoute>,
}

/// What an HTTPRoute of the Gateway API says beside its host and its path.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRoute {
    /// The Gateways that it belongs to.
    pub parent_refs: Vec<ParentRef>,
}

/// A Gateway.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParentRef {
    /// Its name.
    pub name: String,
    /// Its namespace; absent: the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// One of its listeners; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// What an Ingress says beside its host, which is that of the URL, and its path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ingress {
    /// Its class; absent: the cluster's default.
    #[serde(default)]
    pub class_name: Option<String>,
    /// What its controller wants to know.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// A Secret with the certificate, in each tenant's namespace; absent: the controller's own.
    #[serde(default)]
    pub tls_secret: Option<String>,
}

impl Webhooks {
    /// The host of the URL, if nothing follows it: paths are the flows' own.
    pub fn host(&self) -> Option<&str> {
        let (_, rest) = self.url.as_ref()?.split_once("://")?;
        let host = rest.split(':').next()?;
        (!host.is_empty() && !rest.contains('/')).then_some(host)
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that it may not.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let invalid = |message| Error::Invalid {
            path: path.to_owned(),
            message,
        };
        let config: Self =
            serde_saphyr::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        let webhooks = &config.webhooks;
        let has_ways_in = webhooks.ingress.is_some() || webhooks.http_route.is_some();
        if has_ways_in && webhooks.host().is_none() {
            let message = "webhooks.ingress and webhooks.httpRoute need webhooks.url, an address without a path";
            return Err(invalid(message.to_owned()));
        }
        Ok(config)
    }
}

/// A number of bytes as Kubernetes writes it: `10Gi`, `512M`, `1024`.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
