//! `kubectl vrsky trace`: where a flow is stuck.
//!
//! Reads with the user's own rights. What they do not reach is said to be hidden and counts as
//! neither well nor wrong.

mod judge;
mod show;

use serde_json::Value;

use crate::arguments;
use crate::cluster::{Cluster, Found, Kind, block_on, flow_name};
use crate::output::{Exit, Screen};
use crate::safe;

/// All that is known of a flow.
#[derive(Debug)]
struct Situation {
    namespace: String,
    name: String,
    flow: Value,
    /// Topics and connectors of its own namespace, by kind and name.
    references: Vec<(&'static str, String, Found<Value>)>,
    /// The Deployment's name, and itself.
    deployment: (String, Found<Value>),
    pods: Found<Vec<Value>>,
}

pub(super) fn run(arguments: &arguments::Trace, screen: Screen) -> anyhow::Result<Exit> {
    let situation = block_on(async {
        let cluster = Cluster::connect(&arguments.access).await?;
        look(&cluster, &arguments.flow).await
    })?;
    let trace = judge::judge(&situation);
    show::show(&trace, screen)?;
    Ok(if trace.failure.is_none() {
        Exit::Fine
    } else {
        Exit::Findings
    })
}

/// Reads what the flow needs.
async fn look(cluster: &Cluster, wanted: &str) -> anyhow::Result<Situation> {
    let name = flow_name(wanted)?;
    let namespace = &cluster.namespace;
    let place = || format!("flow {} in {}", safe::line(name), safe::line(namespace));
    let flow = match cluster.get(Kind::Ours("flows"), name).await? {
        Found::There(flow) => flow,
        Found::Missing => anyhow::bail!(
            "there is no {}; next: kubectl get flows -A, or say where with -n",
            place()
        ),
        Found::Hidden => anyhow::bail!("you may not read {}", place()),
    };
    let mut references = Vec::new();
    for (kind, name) in named(&flow) {
        let plural = if kind == "topic" {
            "topics"
        } else {
            "connectors"
        };
        let found = cluster.get(Kind::Ours(plural), &name).await?;
        references.push((kind, name, found));
    }
    // Tier Dedicated: a Deployment of its own. Tier Shared: one for all flows of the namespace.
    let own = format!("vrsky-flow-{name}");
    let mut deployment = (own.clone(), cluster.get(Kind::Deployments, &own).await?);
    if deployment.1 == Found::Missing {
        let shared = "vrsky-runtime";
        deployment = (
            shared.to_owned(),
            cluster.get(Kind::Deployments, shared).await?,
        );
    }
    let selector = format!("app.kubernetes.io/instance={}", deployment.0);
    let pods = cluster.list(Kind::Pods, &selector).await?;
    Ok(Situation {
        namespace: namespace.clone(),
        name: name.to_owned(),
        flow,
        references,
        deployment,
        pods,
    })
}

/// What a flow names in its own namespace: topics and connectors. Builtin connectors, which nobody
/// can look at, are left out, and so is what belongs to other tenants.
fn named(flow: &Value) -> Vec<(&'static str, String)> {
    const BUILTIN: [&str; 6] = ["webhook", "schedule", "generate", "file", "http", "log"];
    let spec = &flow["spec"];
    let sinks = spec["sinks"]
        .as_object()
        .into_iter()
        .flat_map(|sinks| sinks.values());
    let on_error = spec["onError"].as_object().map(|_| &spec["onError"]);
    let mut all = Vec::new();
    for end in std::iter::once(&spec["source"])
        .chain(sinks)
        .chain(on_error)
    {
        for kind in ["topic", "connector"] {
            if let Some(name) = end[kind].as_str()
                && !name.contains('/')
                && !(kind == "connector" && BUILTIN.contains(&name))
            {
                all.push((kind, name.to_owned()));
            }
        }
    }
    all.sort();
    all.dedup();
    all
}
