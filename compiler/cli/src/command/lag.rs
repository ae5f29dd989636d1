//! `kubectl vrsky lag`: what waits, flow by flow, as the runtimes asked NATS at last.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use vrsky_plan::report::Backlog;
use vrsky_plan::{EdgeName, FlowId};

use crate::arguments;
use crate::cluster::{Cluster, Found, Kind, RUNTIMES, block_on, condition, flow_name, place};
use crate::output::{Exit, Screen};
use crate::safe;

/// Runtimes that are asked at once.
const CONCURRENT: usize = 16;

/// What waits of a flow.
#[derive(Debug, Serialize)]
struct Lag {
    flow: FlowId,
    /// The reason of its condition `Ready`.
    state: String,
    /// The generation that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    /// Where a webhook takes messages in.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// By edge; no entry for one that no runtime reads at the moment.
    waiting: BTreeMap<EdgeName, u64>,
}

pub(super) fn run(arguments: &arguments::Lag, screen: Screen) -> anyhow::Result<Exit> {
    let lags = block_on(async {
        let cluster = Cluster::connect(&arguments.access).await?;
        let namespace = (!arguments.all_namespaces).then_some(cluster.namespace.as_str());
        let flow = arguments.flow.as_deref().map(flow_name).transpose()?;
        look(&cluster, namespace, flow).await
    })?;
    if screen.is_document() {
        screen.document(&lags)?;
    } else if screen.is_name() {
        for lag in &lags {
            screen.say(&format!("flow.vrsky.io/{}", lag.flow.name()));
        }
    } else {
        show(&lags, arguments.all_namespaces, screen);
    }
    Ok(Exit::Fine)
}

async fn look(
    cluster: &Cluster,
    namespace: Option<&str>,
    flow: Option<&str>,
) -> anyhow::Result<Vec<Lag>> {
    let place = place(namespace);
    let mut lags = Vec::new();
    for object in cluster.flows(namespace).await? {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        if flow.is_some_and(|flow| flow != text("name")) {
            continue;
        }
        let reason = condition(&object, "Ready")["reason"].as_str();
        lags.push(Lag {
            flow: FlowId::new(text("namespace"), text("name"))?,
            state: reason.unwrap_or("Unknown").to_owned(),
            generation: object["status"]["running"]["generation"].as_i64(),
            url: object["status"]["url"].as_str().map(str::to_owned),
            waiting: BTreeMap::new(),
        });
    }
    if let (Some(flow), true) = (flow, lags.is_empty()) {
        anyhow::bail!("there is no flow {} in {place}", safe::line(flow));
    }
    let pods = match cluster.list_in(Kind::Pods, namespace, RUNTIMES).await? {
        Found::There(pods) => pods,
        Found::Missing => Vec::new(),
        Found::Hidden => anyhow::bail!("you may not list pods in {place}"),
    };
    let running = pods
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Running");
    let asked: Vec<_> = running.map(|pod| cluster.backlog(pod)).collect();
    let found: Vec<Found<Backlog>> = stream::iter(asked)
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    let found = found.into_iter().map(|found| match found {
        Found::There(backlog) => Ok(backlog),
        Found::Missing => Ok(Backlog::new()),
        Found::Hidden => anyhow::bail!(
            "you may not ask the runtimes in {place}: it takes `get` on pods/proxy, as in the role `edit`"
        ),
    });
    let found: Vec<Backlog> = found.collect::<anyhow::Result<_>>()?;
    for (flow, edges) in found.into_iter().flatten() {
        let Some(lag) = lags.iter_mut().find(|lag| lag.flow == flow) else {
            continue;
        };
        for (edge, messages) in edges {
            // While an edge passes from one process to the next, both may know it.
            let waiting = lag.waiting.entry(edge).or_default();
            *waiting = messages.max(*waiting);
        }
    }
    Ok(lags)
}

fn show(lags: &[Lag], all_namespaces: bool, screen: Screen) {
    if lags.is_empty() {
        screen.say("no flows");
        return;
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut header = vec!["FLOW", "READY", "EDGE", "WAITING"];
    if all_namespaces {
        header.insert(0, "NAMESPACE");
    }
    if screen.is_wide() {
        header.extend(["GENERATION", "URL"]);
    }
    table.set_header(header);
    for lag in lags {
        let mut edges: Vec<_> = lag
            .waiting
            .iter()
            .map(|(edge, messages)| (edge.to_string(), messages.to_string()))
            .collect();
        if edges.is_empty() {
            edges.push(("-".to_owned(), "-".to_owned()));
        }
        for (edge, messages) in edges {
            let mut row = vec![
                lag.flow.name().to_owned(),
                safe::line(&lag.state),
                edge,
                messages,
            ];
            if all_namespaces {
                row.insert(0, lag.flow.namespace().to_owned());
            }
            if screen.is_wide() {
                let generation = lag.generation.map(|generation| generation.to_string());
                let url = lag.url.as_deref().map(safe::line);
                row.extend([generation, url].map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
            }
            table.add_row(row);
        }
    }
    screen.say(&table.trim_fmt());
}
