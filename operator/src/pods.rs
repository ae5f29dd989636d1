//! Why a workload does not run, in Kubernetes' own words.

use serde_json::Value;

use crate::index::{Index, Seen};
use crate::kinds::Kind;
use crate::names::INSTANCE;
use crate::status::facts::Trouble;

/// A reason and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    reason: String,
    message: String,
}

impl Found {
    /// For status.
    pub fn trouble(&self) -> Trouble<'_> {
        Trouble {
            reason: &self.reason,
            message: &self.message,
        }
    }
}

/// Whether a Deployment has at least one pod that is available.
pub fn is_available(deployment: &Seen) -> bool {
    deployment.content()["status"]["availableReplicas"].as_i64() > Some(0)
}

/// How many pods a Deployment has.
pub fn count(deployment: &Seen) -> i32 {
    let replicas = deployment.content()["status"]["replicas"].as_i64();
    replicas.and_then(|it| i32::try_from(it).ok()).unwrap_or(0)
}

/// What keeps a pod of a workload from running, if anything does: a container that waits for a
/// reason that is not a matter of moments, or a pod that no node takes.
pub fn trouble(index: &Index, namespace: &str, workload: &str) -> Option<Found> {
    let pods = index.within(Kind::Pod, namespace);
    let pods =
        pods.filter(|(_, seen)| seen.label(INSTANCE) == Some(workload) && !seen.is_deleting());
    pods.map(|(_, pod)| pod.content())
        .find_map(|pod| waiting(&pod["status"]).or_else(|| unscheduled(&pod["status"])))
        .or_else(|| {
            let key = crate::index::Key::new(Kind::Deployment, namespace, workload);
            failed(&index.get(&key)?.content()["status"])
        })
}

fn waiting(status: &Value) -> Option<Found> {
    let containers = status["containerStatuses"].as_array()?;
    containers.iter().find_map(|container| {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str()?;
        (!matches!(reason, "ContainerCreating" | "PodInitializing"))
            .then(|| found(reason, &waiting["message"]))
    })
}

fn unscheduled(status: &Value) -> Option<Found> {
    let condition = condition(status, "PodScheduled")?;
    (condition["status"] == "False")
        .then(|| found(text(&condition["reason"]), &condition["message"]))
}

/// A Deployment whose pods cannot even be made.
fn failed(status: &Value) -> Option<Found> {
    let failure = condition(status, "ReplicaFailure").filter(|it| it["status"] == "True");
    let stuck = condition(status, "Progressing").filter(|it| it["status"] == "False");
    let condition = failure.or(stuck)?;
    Some(found(text(&condition["reason"]), &condition["message"]))
}

fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = status["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == name)
}

fn found(reason: &str, message: &Value) -> Found {
    Found {
        reason: reason.to_owned(),
        message: text(message).to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
