//! `kubectl vrsky trace`: where a flow is stuck.
//!
//! Reads with the user's own rights. What they do not reach is said to be hidden and counts as
//! neither well nor wrong.

mod judge;
mod show;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use vrsky_plan::{EdgeName, FlowId};

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
    /// What waits on the flow's edges that each pod reads, by the pod's name.
    edges: BTreeMap<String, Found<BTreeMap<EdgeName, u64>>>,
}

/// Flows that are looked at at once.
const CONCURRENT: usize = 8;

pub(super) fn run(arguments: &arguments::Trace, screen: Screen) -> anyhow::Result<Exit> {
    let traces = block_on(async {
        let cluster = Cluster::connect(&arguments.access).await?;
        let Some(flow) = &arguments.flow else {
            return look_at_all(&cluster, arguments.all_namespaces).await;
        };
        Ok(vec![judge::judge(&look(&cluster, flow).await?)])
    })?;
    match (traces.as_slice(), &arguments.flow) {
        ([trace], Some(_)) => show::show(trace, screen)?,
        (traces, _) => show::table(traces, arguments.all_namespaces, screen)?,
    }
    let is_fine = traces.iter().all(|trace| trace.failure.is_none());
    Ok(if is_fine { Exit::Fine } else { Exit::Findings })
}

/// Reads what all flows of a namespace, or of all, need.
async fn look_at_all(cluster: &Cluster, everywhere: bool) -> anyhow::Result<Vec<judge::Trace>> {
    let namespace = (!everywhere).then_some(cluster.namespace.as_str());
    let flows = cluster.flows(namespace).await?;
    let looks: Vec<_> = flows
        .iter()
        .map(|flow| {
            let text = |field: &str| flow["metadata"][field].as_str().unwrap_or_default();
            let (namespace, name) = (text("namespace").to_owned(), text("name").to_owned());
            let client = cluster.client.clone();
            async move {
                let cluster = Cluster { client, namespace };
                let found = look(&cluster, &name).await?;
                anyhow::Ok(judge::judge(&found))
            }
        })
        .collect();
    stream::iter(looks).buffered(CONCURRENT).try_collect().await
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
        let found = match kind {
            "topic" => cluster.get(Kind::Ours("topics"), &name).await?,
            "grant" => offer(cluster, &name).await?,
            _ => cluster.get(Kind::Ours("connectors"), &name).await?,
        };
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
    let id = FlowId::new(namespace, name)?;
    let mut edges = BTreeMap::new();
    if let Found::There(pods) = &pods {
        for pod in pods
            .iter()
            .filter(|pod| pod["status"]["phase"] == "Running")
        {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let found = match cluster.backlog(pod).await? {
                Found::There(mut backlog) => Found::There(backlog.remove(&id).unwrap_or_default()),
                Found::Missing => Found::Missing,
                Found::Hidden => Found::Hidden,
            };
            edges.insert(name.to_owned(), found);
        }
    }
    Ok(Situation {
        namespace: namespace.clone(),
        name: name.to_owned(),
        flow,
        references,
        deployment,
        pods,
        edges,
    })
}

/// What the ConfigMap `vrsky-grants` says of another tenant's topic, `<owner>/<topic>`.
async fn offer(cluster: &Cluster, topic: &str) -> anyhow::Result<Found<Value>> {
    let offers = cluster.get(Kind::ConfigMaps, "vrsky-grants").await?;
    let Found::There(offers) = offers else {
        return Ok(offers);
    };
    let offer = offers["data"][topic.replace('/', ".")].as_str();
    let offer = offer.and_then(|offer| serde_json::from_str(offer).ok());
    Ok(offer.map_or(Found::Missing, Found::There))
}

/// What a flow names: topics and connectors of its own namespace, and the grant by which it reads
/// another tenant's topic, by that. Builtin connectors, which nobody can look at, are left out, and so
/// are those of other tenants.
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
            let Some(name) = end[kind].as_str() else {
                continue;
            };
            match (kind, name.contains('/')) {
                ("topic", true) => all.push(("grant", name.to_owned())),
                ("connector", _) if BUILTIN.contains(&name) => {}
                (kind, false) => all.push((kind, name.to_owned())),
                _ => {}
            }
        }
    }
    all.sort();
    all.dedup();
    all
}
