//! What is well and what is wrong, from top to bottom. Pure.

use std::fmt::Write as _;

use serde_json::Value;
use vrsky_plan::EdgeName;

use super::Situation;
use crate::cluster::{Found, condition};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    Well,
    Wrong,
    /// Not known, or none of the user's business.
    Unknown,
}

/// One thing that a flow consists of or needs, with what it consists of in turn.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Node {
    /// `flow/orders`.
    pub(super) what: String,
    pub(super) state: State,
    /// In the words of whoever knows; empty if there is nothing to say.
    pub(super) says: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) children: Vec<Node>,
}

/// The whole, and the first thing that is wrong in it.
#[derive(Debug, PartialEq, serde::Serialize)]
pub(super) struct Trace {
    pub(super) namespace: String,
    pub(super) tree: Node,
    /// What is wrong first, as its `what`s from the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Vec<String>>,
    /// What to do now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// Every reason with its meaning and advice: the page that people read is what is printed here.
const REASONS: &str = include_str!("../../../../../docs/status.md");

/// Judges a situation.
pub(super) fn judge(situation: &Situation) -> Trace {
    let flow = &situation.flow;
    let is_ready = condition(flow, "Ready")["status"] == "True" && is_current(flow);
    let mut children = vec![manifest(flow)];
    children.extend(situation.references.iter().map(|(kind, name, found)| {
        if *kind == "grant" {
            return grant(name, found);
        }
        let what = format!("{kind}/{name}");
        match found {
            Found::There(object) => of_conditions(what, object),
            // The flow's own status says whether it may be missing: it need not be the user's.
            Found::Missing => node(what, State::Unknown, "none of this name in the namespace"),
            Found::Hidden => hidden(what),
        }
    }));
    children.push(of_condition(flow, "ResolvedRefs", "references"));
    children.push(of_condition(flow, "Programmed", "NATS and Kubernetes"));
    children.push(deployment(situation, is_ready));
    let tree = Node {
        what: format!("flow/{}", situation.name),
        state: if is_ready { State::Well } else { State::Wrong },
        says: if is_current(flow) {
            says(condition(flow, "Ready"))
        } else {
            "the operator has not seen this generation yet: is it running?".to_owned()
        },
        children,
    };
    let failure = if is_ready { None } else { first_wrong(&tree) };
    let next = failure.as_ref().and_then(|path| advice(&tree, path, flow));
    Trace {
        namespace: situation.namespace.clone(),
        tree,
        failure,
        next,
    }
}

/// The grant by which another tenant's topic is read.
fn grant(topic: &str, found: &Found<Value>) -> Node {
    let offer = match found {
        Found::There(offer) => offer,
        Found::Missing => {
            let what = format!("topic {topic}");
            return node(what, State::Wrong, "no grant lets this tenant read it");
        }
        Found::Hidden => return hidden(format!("topic {topic}")),
    };
    let name = offer["grant"].as_str().unwrap_or_default();
    let until = offer["expires"].as_str();
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    let says = format!("lets this tenant read {topic}{until}");
    node(format!("grant {name}"), State::Well, &says)
}

/// The manifest: what the compiler says of it.
fn manifest(flow: &Value) -> Node {
    let mut manifest = of_condition(flow, "Accepted", "manifest");
    let found = flow["status"]["diagnostics"].as_array();
    manifest.children = found
        .into_iter()
        .flatten()
        .map(|found| {
            let text = |field: &str| found[field].as_str().unwrap_or_default();
            let state = if text("severity") == "error" {
                State::Wrong
            } else {
                State::Unknown
            };
            let place = format!("{} {}", text("code"), text("path"));
            node(place.trim_end().to_owned(), state, text("message"))
        })
        .collect();
    manifest
}

fn deployment(situation: &Situation, is_ready: bool) -> Node {
    let (name, found) = &situation.deployment;
    let what = format!("deployment/{name}");
    let object = match found {
        Found::There(object) => object,
        // Nothing is made for a flow that never compiled.
        Found::Missing => return node(what, State::Unknown, "there is none yet"),
        Found::Hidden => return hidden(what),
    };
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let available = object["status"]["availableReplicas"].as_i64().unwrap_or(0);
    let pods = match &situation.pods {
        Found::There(pods) => pods.iter().map(|it| pod(it, situation)).collect(),
        Found::Missing => Vec::new(),
        Found::Hidden => vec![hidden("pods".to_owned())],
    };
    let failure = object["status"]["conditions"].as_array();
    let failure = failure.into_iter().flatten().find(|condition| {
        let kind = condition["type"].as_str().unwrap_or_default();
        let status = condition["status"].as_str().unwrap_or_default();
        (kind == "ReplicaFailure" && status == "True")
            || (kind == "Progressing" && status == "False")
    });
    let is_well = available >= wanted && failure.is_none();
    Node {
        what,
        // A flow that is ready is served, whatever else its Deployment is about to do.
        state: match (is_well, is_ready) {
            (true, _) => State::Well,
            (false, true) => State::Unknown,
            (false, false) => State::Wrong,
        },
        says: failure.map_or_else(|| format!("{available} of {wanted} available"), says),
        children: pods,
    }
}

fn pod(pod: &Value, situation: &Situation) -> Node {
    let what = format!(
        "pod/{}",
        pod["metadata"]["name"].as_str().unwrap_or_default()
    );
    let containers = pod["status"]["containerStatuses"].as_array();
    let container = containers.and_then(|all| all.first());
    let is_ready = container.is_some_and(|it| it["ready"] == true);
    let restarts = container
        .and_then(|it| it["restartCount"].as_i64())
        .unwrap_or(0);
    let waiting = container
        .map(|it| &it["state"]["waiting"])
        .filter(|it| !it.is_null());
    let ended = container
        .map(|it| &it["lastState"]["terminated"])
        .filter(|it| !it.is_null() && !is_ready);
    let scheduled = condition(pod, "PodScheduled");
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let mut said = if scheduled["status"] == "False" {
        says(scheduled)
    } else if let Some(waiting) = waiting {
        says(waiting)
    } else {
        text(&pod["status"], "phase")
    };
    if let Some(ended) = ended {
        let _ = write!(
            said,
            "; ended before with code {} ({})",
            ended["exitCode"].as_i64().unwrap_or_default(),
            text(ended, "reason")
        );
    }
    if restarts > 0 {
        let _ = write!(said, "; {restarts} restarts");
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let edges = match situation.edges.get(name) {
        Some(Found::There(edges)) => edges.iter().map(edge).collect(),
        Some(Found::Hidden) => vec![hidden("edges".to_owned())],
        Some(Found::Missing) | None => Vec::new(),
    };
    Node {
        what,
        state: if is_ready { State::Well } else { State::Wrong },
        says: said,
        children: edges,
    }
}

/// An edge that a pod reads. That something waits is neither well nor wrong.
fn edge((edge, waiting): (&EdgeName, &u64)) -> Node {
    let state = if *waiting == 0 {
        State::Well
    } else {
        State::Unknown
    };
    node(format!("edge {edge}"), state, &format!("{waiting} waiting"))
}

/// Any object with conditions of ours.
fn of_conditions(what: String, object: &Value) -> Node {
    let ready = condition(object, "Ready");
    let state = match ready["status"].as_str() {
        Some("True") if is_current(object) => State::Well,
        Some("False") => State::Wrong,
        _ => State::Unknown,
    };
    node(what, state, &says(ready))
}

fn of_condition(object: &Value, kind: &str, what: &str) -> Node {
    let condition = condition(object, kind);
    let state = match condition["status"].as_str() {
        Some("True") => State::Well,
        Some("False") => State::Wrong,
        _ => State::Unknown,
    };
    node(what.to_owned(), state, &says(condition))
}

/// Reason and message, of a condition or whatever else has both.
fn says(condition: &Value) -> String {
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    match (text("reason"), text("message")) {
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn is_current(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

fn node(what: String, state: State, says: &str) -> Node {
    Node {
        what,
        state,
        says: says.to_owned(),
        children: Vec::new(),
    }
}

fn hidden(what: String) -> Node {
    node(what, State::Unknown, "not visible to you")
}

/// The way to the first thing that is wrong and consists of nothing that is.
fn first_wrong(tree: &Node) -> Option<Vec<String>> {
    let below = tree.children.iter().find_map(first_wrong);
    match below {
        Some(mut path) => {
            path.insert(0, tree.what.clone());
            Some(path)
        }
        None if tree.state == State::Wrong => Some(vec![tree.what.clone()]),
        None => None,
    }
}

/// What the page says of the reason for which the thing is wrong.
fn advice(tree: &Node, path: &[String], flow: &Value) -> Option<String> {
    let mut node = tree;
    for what in path.iter().skip(1) {
        node = node.children.iter().find(|child| child.what == *what)?;
    }
    if let Some(code) = node
        .what
        .split(' ')
        .next()
        .filter(|it| it.starts_with("VRS"))
    {
        return Some(format!("vrsky explain {code}"));
    }
    let own = node.says.split(':').next();
    let ready = condition(flow, "Ready")["reason"].as_str();
    own.into_iter().chain(ready).find_map(of_page)
}

/// The last column of a reason's row.
fn of_page(reason: &str) -> Option<String> {
    let start = format!("| `{reason}` |");
    let row = REASONS.lines().find(|line| line.starts_with(&start))?;
    let advice = row.trim_end_matches('|').rsplit('|').next()?.trim();
    (advice != "–").then(|| advice.to_owned())
}

#[cfg(test)]
mod tests;
