//! `vrsky new flow`: a manifest that compiles, to go on from.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use vrsky_plan::FlowId;

use super::init::write_new;
use crate::arguments::{New, NewFlow, SinkKind, SourceKind};
use crate::config::Repository;
use crate::files;
use crate::output::{BOLD, Exit, GOOD, Screen};
use crate::safe;

/// What of a manifest tells which tenant has which namespaces.
#[derive(Debug, Deserialize)]
struct Manifest {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    namespaces: Vec<String>,
}

pub(super) fn run(arguments: &New, screen: Screen) -> anyhow::Result<Exit> {
    let New::Flow(flow) = arguments;
    let repository = Repository::find(&flow.path)?;
    let namespace = namespace(&repository.root, flow.tenant.as_deref())?;
    let id = FlowId::new(&namespace, &flow.name).map_err(|_| {
        anyhow::anyhow!(
            "{:?} is not a name for a flow: lower-case letters, digits and `-`, at most 40 characters",
            safe::line(&flow.name)
        )
    })?;
    let file = format!("flows/{}.yaml", id.name());
    write_new(&repository.root.join(&file), &manifest(&id, flow))?;
    if screen.is_document() {
        screen.document(&serde_json::json!({"written": [file]}))?;
    } else {
        screen.say(&format!("{GOOD}wrote{GOOD:#} {file}"));
        screen.say(&format!("next: {BOLD}vrsky check{BOLD:#}"));
    }
    Ok(Exit::Fine)
}

/// The first namespace of the tenant, or of the only tenant there is.
fn namespace(root: &Path, tenant: Option<&str>) -> anyhow::Result<String> {
    let (files, _) = files::read(&[root.to_owned()])?;
    let mut tenants: Vec<(String, String)> = files
        .iter()
        .filter_map(|file| serde_saphyr::from_multiple::<serde_json::Value>(&file.text).ok())
        .flatten()
        .filter_map(|document| serde_json::from_value::<Manifest>(document).ok())
        .filter(|manifest| manifest.kind == "Tenant")
        .filter_map(|manifest| {
            Some((
                manifest.metadata.name,
                manifest.spec.namespaces.into_iter().next()?,
            ))
        })
        .collect();
    tenants.sort();
    let names = || {
        let names: Vec<String> = tenants.iter().map(|(name, _)| safe::line(name)).collect();
        names.join(", ")
    };
    match (tenant, tenants.as_slice()) {
        (_, []) => anyhow::bail!(
            "there is no Tenant under {}; next: `vrsky init` in an empty folder",
            root.display()
        ),
        (None, [(_, namespace)]) => Ok(namespace.clone()),
        (None, _) => anyhow::bail!("which tenant? Add `--tenant` with one of: {}", names()),
        (Some(wanted), all) => match all.iter().find(|(name, _)| name == wanted) {
            Some((_, namespace)) => Ok(namespace.clone()),
            None => anyhow::bail!(
                "there is no tenant {}; there are: {}",
                safe::line(wanted),
                names()
            ),
        },
    }
}

fn manifest(flow: &FlowId, arguments: &NewFlow) -> String {
    let (name, namespace) = (flow.name(), flow.namespace());
    // The one field that every message of the source has.
    let (field, kind) = match arguments.source {
        SourceKind::Schedule => ("time", "string"),
        SourceKind::Generate => ("sequence", "integer"),
        SourceKind::Webhook | SourceKind::File | SourceKind::Topic => ("id", "string"),
    };
    let mut text = String::new();
    if arguments.source == SourceKind::Topic {
        text.push_str(&topic(name, "in", namespace, field, kind));
    }
    if arguments.sink == SinkKind::Topic {
        text.push_str(&topic(name, "out", namespace, field, kind));
    }
    let _ = write!(
        text,
        "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  source:\n"
    );
    let source = match arguments.source {
        SourceKind::Webhook => {
            format!("connector: webhook\n    with: {{path: /{name}}} # served as /<tenant>/{name}")
        }
        SourceKind::Schedule => {
            "connector: schedule\n    with: {cron: \"*/5 * * * *\"} # every five minutes, UTC"
                .to_owned()
        }
        SourceKind::Generate => {
            "connector: generate\n    with: {every: 1s} # counts up in `sequence`".to_owned()
        }
        SourceKind::File => format!(
            "connector: file\n    with: {{folder: inbox/{name}, pattern: \"*.ndjson\"}}\n    decode: ndjson"
        ),
        SourceKind::Topic => format!("topic: {name}-in"),
    };
    let _ = writeln!(text, "    {source}");
    if arguments.source != SourceKind::Topic {
        let _ = writeln!(
            text,
            "    contract: # what a message looks like; only these fields may be read\n      fields:\n        {field}: {kind}"
        );
    }
    let _ = writeln!(text, "  steps:\n    - filter: exists(.{field})\n  sinks:");
    let sink = match arguments.sink {
        SinkKind::Http => format!(
            "http:\n      connector: http\n      with: {{url: \"http://127.0.0.1:9000/{name}\"}}"
        ),
        SinkKind::File => {
            format!("file:\n      connector: file\n      with: {{path: out/{name}.ndjson}}")
        }
        SinkKind::Log => format!("log:\n      connector: log\n      with: {{fields: [{field}]}}"),
        SinkKind::Topic => format!("topic: {{topic: {name}-out}}"),
    };
    let _ = writeln!(text, "    {sink}");
    text
}

fn topic(name: &str, end: &str, namespace: &str, field: &str, kind: &str) -> String {
    format!(
        "apiVersion: vrsky.io/v1alpha1\nkind: Topic\nmetadata: {{name: {name}-{end}, namespace: {namespace}}}\nspec:\n  contract: {{fields: {{{field}: {kind}}}}}\n---\n"
    )
}
