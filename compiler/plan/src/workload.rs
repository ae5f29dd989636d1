//! What runs a tenant's programs in a cluster: one Deployment of runtimes for each workload.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::program::{JsonText, Scale, Source, Target};
use crate::{FlowId, Program};

/// Runtimes in one namespace, with what they need and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// The namespace, where the secrets of its flows lie.
    pub namespace: String,
    /// The one flow that it runs (tier `Dedicated`); absent: all of the namespace (tier `Shared`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowId>,
    /// The Secrets that its flows refer to, with the keys.
    pub secrets: BTreeMap<String, BTreeSet<String>>,
    /// Whether webhooks are taken in.
    pub webhooks: bool,
    /// TCP ports that its sinks connect to, NATS and DNS left out.
    pub ports: BTreeSet<u16>,
    /// How many pods it has, where its one flow says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

impl Workload {
    /// What `programs`, all of one namespace, need.
    pub fn of<'a>(
        namespace: &str,
        flow: Option<&FlowId>,
        programs: impl Iterator<Item = &'a Program>,
    ) -> Self {
        let mut workload = Self {
            namespace: namespace.to_owned(),
            flow: flow.cloned(),
            secrets: BTreeMap::new(),
            webhooks: false,
            ports: BTreeSet::new(),
            scale: None,
        };
        for program in programs {
            // Who shares a runtime does not stop it for the others.
            workload.scale = flow.and(program.scale);
            workload.webhooks |= program.webhook().is_some();
            for (name, key) in program.secrets() {
                workload.secrets.entry(name).or_default().insert(key);
            }
            workload.ports.extend(program.ports());
        }
        workload
    }
}

impl Program {
    /// The path of its webhook, if its source is one.
    pub fn webhook(&self) -> Option<String> {
        match &self.source {
            Source::Connector { builtin, with, .. } if builtin.as_ref() == "webhook" => {
                Some(with.value().get("path")?.as_str()?.to_owned())
            }
            _ => None,
        }
    }

    /// The secrets that the program refers to, `(name, key)`, all in the flow's namespace.
    pub fn secrets(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for with in self.parameters() {
            gather(&with, &mut found);
        }
        found
    }

    /// TCP ports of the addresses that its connectors call (`url`, http or https).
    fn ports(&self) -> BTreeSet<u16> {
        let parameters = self.parameters();
        parameters
            .filter_map(|with| port(with.get("url")?.as_str()?))
            .collect()
    }

    /// The parameters of all connectors.
    fn parameters(&self) -> impl Iterator<Item = Value> {
        let source = match &self.source {
            Source::Connector { with, .. } => Some(with),
            Source::Topic { .. } => None,
        };
        let outputs = self
            .stages
            .values()
            .flat_map(|stage| stage.outputs.values());
        let sinks = outputs.filter_map(|output| match &output.target {
            Target::Deliver { with, .. } => Some(with),
            Target::Edge(_) | Target::Topic { .. } => None,
        });
        source.into_iter().chain(sinks).map(JsonText::value)
    }
}

/// Looks for `{secretRef: {name, key}}`.
fn gather(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => {
            let part = |name| {
                let text = fields.get("secretRef")?.get(name)?.as_str()?;
                Some(text.to_owned())
            };
            if let (Some(name), Some(key)) = (part("name"), part("key")) {
                found.insert((name, key));
            }
            fields.values().for_each(|field| gather(field, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The port of an URL: as written, else the scheme's.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let written = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'));
    match written {
        Some((_, port)) => port.parse().ok(),
        None if scheme == "https" => Some(443),
        None => Some(80),
    }
}
