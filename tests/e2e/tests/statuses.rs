//! Every status that the operator has written in this cluster, in whatever story, is read as Flux,
//! Argo CD and kubectl read it: from the audit log of the API server, which misses none.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../../../operator/tests/judges/argo.rs"]
mod argo;
#[path = "../../../operator/tests/judges/kstatus.rs"]
mod kstatus;
#[path = "../../../operator/tests/judges/kubectl.rs"]
mod kubectl;

use std::collections::BTreeMap;

use serde_json::Value;
use vrsky_e2e::installed::{Installed, condition};

use crate::kstatus::Health;

fn flow(map: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: ticks, namespace: acme}}
spec:
  source:
    connector: generate
    with: {{every: 1s}}
    contract: {{fields: {{sequence: integer}}}}
  steps: [{{map: '{map}'}}]
  sinks: {{printed: {{connector: log}}}}
"
    )
}

/// Judges an object as the API server answered it; what is wrong with its status.
fn judge(object: &Value) -> Result<(Health, String), String> {
    let flux = kstatus::compute(object)?;
    let (argo, _) = argo::health(object).map_err(|error| error.to_string())?;
    let is_ready = kubectl::is_ready(object);
    let generation = object["metadata"]["generation"].as_i64();
    let holds = |rule: &str, truth: bool| truth.then_some(()).ok_or_else(|| rule.to_owned());
    let is_true = |kind: &str| condition(object, kind)["status"] == "True";
    holds(
        "never Reconciling and Stalled",
        !(is_true("Reconciling") && is_true("Stalled")),
    )?;
    let is_old = object["status"]["observedGeneration"].as_i64() != generation
        || condition(object, "Ready")["observedGeneration"].as_i64() != generation;
    let is_healthy =
        flux == Health::Current || ["Healthy", "Suspended"].contains(&argo.as_str()) || is_ready;
    holds(
        "an old generation is never healthy",
        !(is_old && is_healthy),
    )?;
    let ends = !object["metadata"]["deletionTimestamp"].is_null();
    holds(
        "what is being deleted is not done",
        !ends || flux == Health::Terminating,
    )?;
    let agree = match flux {
        Health::Current => ["Healthy", "Suspended"].contains(&argo.as_str()) && is_ready,
        Health::InProgress | Health::Terminating => argo == "Progressing",
        Health::Failed => argo == "Degraded" && !is_ready,
    };
    holds("Flux, Argo CD and kubectl agree", agree)?;
    let runs = &object["status"]["running"]["generation"];
    let must_run = object["kind"] == "Flow" && is_healthy && !is_true("Suspended");
    holds(
        "what is healthy runs",
        !must_run || runs.as_i64() == generation,
    )?;
    Ok((flux, argo))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_status_that_was_written_is_read_right() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&flow(". = {\"version\": 1}")).unwrap();
    installed.ready("acme", "flow/ticks").await.unwrap();
    kubectl.apply(&flow(". = .sequnce")).unwrap();
    let wrong = installed.until("acme", "flow/ticks", |flow| {
        condition(flow, "Stalled")["status"] == "True"
    });
    wrong.await.unwrap();
    kubectl.apply(&flow(". = {\"version\": 2}")).unwrap();
    installed.ready("acme", "flow/ticks").await.unwrap();
    installed.clear().unwrap();

    let mut judged: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let log = installed.cluster().written_statuses().unwrap();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["responseStatus"]["code"] != 200 {
            continue;
        }
        let object = &event["responseObject"];
        match judge(object) {
            Ok((flux, argo)) => {
                let kind = object["kind"].as_str().unwrap().to_owned();
                *judged
                    .entry((kind, format!("{flux:?}/{argo}")))
                    .or_default() += 1;
            }
            Err(rule) => wrong.push(format!("{rule}: {object:#}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, first {}",
        wrong.len(),
        wrong[0]
    );
    for ((kind, health), count) in &judged {
        println!("{count:>6} {kind} {health}");
    }
    let of_flows = |health: &str| judged.get(&("Flow".to_owned(), health.to_owned()));
    for health in ["Current/Healthy", "Failed/Degraded"] {
        assert!(of_flows(health).is_some(), "{health}: {judged:?}");
    }
}
