//! `kubectl apply` → Ready → messages flow; an edit under load with a backlog; a mistake; deletion
//! and uninstalling that leave nothing behind. On a real cluster.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Answer, Receiver, program, warehouse};

/// What waits of the flow, as `kubectl vrsky lag` says it.
fn waiting(installed: &Installed) -> Option<u64> {
    let output = Command::new(program::vrsky().unwrap())
        .args([
            "lag",
            "flow/orders",
            "-n",
            "acme",
            "--output=json",
            "--kubeconfig",
        ])
        .arg(installed.kubectl().kubeconfig())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let lags: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(lags[0]["flow"], "acme/orders");
    let waiting = lags[0]["waiting"].as_object()?;
    Some(waiting.values().filter_map(Value::as_u64).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_runs_and_what_is_deleted_is_gone() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    let first = warehouse::version(&receiver, "1");
    kubectl.apply(&first).unwrap();

    // Applied: ready, and messages flow.
    let flow = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(flow["status"]["running"]["generation"], 1);
    let url = flow["status"]["url"].as_str().unwrap();
    assert_eq!(url, "http://vrsky-runtime.acme.svc:8080/acme/orders");
    installed.ready("acme", "tenant/acme").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster::to(format!("{service}/acme/orders"));
    warehouse::post(&poster, 0..500).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..500);
    arrived.await.unwrap();

    // Edited with a backlog: the sink refuses, messages wait, the program changes under them.
    receiver.answer(warehouse::PATH, Answer::status(503));
    let pod = |list: &Value| list["items"][0]["metadata"]["uid"].clone();
    let runtimes = [
        "-n",
        "acme",
        "pods",
        "--selector=app.kubernetes.io/name=vrsky-runtime",
    ];
    let before = pod(&kubectl.get(&runtimes).unwrap());
    warehouse::post(&poster, 500..1_000).await.unwrap();
    let waits = || waiting(&installed).filter(|waiting| *waiting >= 400);
    let waits = vrsky_e2e::until(SOON, waits).await;
    assert!(waits.is_some(), "{:?}", waiting(&installed));
    let second = warehouse::version(&receiver, "2");
    kubectl.apply(&second).unwrap();
    let flow = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(flow["status"]["running"]["generation"], 2);
    receiver.answer(warehouse::PATH, Answer::status(200));
    warehouse::post(&poster, 1_000..1_500).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..1_500);
    arrived.await.unwrap();
    let versions: BTreeSet<i64> = receiver
        .at(warehouse::PATH)
        .iter()
        .filter_map(|request| request.json()["version"].as_i64())
        .collect();
    assert_eq!(versions, BTreeSet::from([1, 2]));
    assert_eq!(
        pod(&kubectl.get(&runtimes).unwrap()),
        before,
        "an edit rolls no pod"
    );

    // A mistake: stalled at once, with its place; what ran keeps running.
    let wrong = warehouse::version(&receiver, ".versoin");
    kubectl.apply(&wrong).unwrap();
    let flow = installed
        .until("acme", "flow/orders", |flow| {
            flow["status"]["observedGeneration"] == 3
        })
        .await
        .unwrap();
    assert_eq!(condition(&flow, "Stalled")["status"], "True");
    assert_eq!(condition(&flow, "Accepted")["reason"], "CompileError");
    assert_eq!(condition(&flow, "Ready")["status"], "False");
    assert_eq!(flow["status"]["running"]["generation"], 2);
    let found = &flow["status"]["diagnostics"][0];
    assert_eq!(found["code"], "VRS0402", "{flow:#}");
    assert_eq!(found["path"], "spec.steps[0].map");
    warehouse::post(&poster, 1_500..1_600).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..1_600);
    arrived.await.unwrap();

    // Reverted: healed.
    kubectl.apply(&second).unwrap();
    let flow = installed.ready("acme", "flow/orders").await.unwrap();
    assert!(condition(&flow, "Stalled").is_null());
    assert!(flow["status"]["diagnostics"].is_null());

    // Deleted: nothing of it is left in Kubernetes.
    kubectl
        .run(&["delete", "flow", "orders", "-n", "acme", "--timeout=60s"])
        .unwrap();
    let made = "deployments,services,networkpolicies,poddisruptionbudgets,pods";
    let gone = installed.until("acme", made, |list| {
        list["items"].as_array().unwrap().is_empty()
    });
    gone.await.unwrap();
    kubectl
        .run(&["delete", "tenant", "acme", "--timeout=60s"])
        .unwrap();
    installed.clear().unwrap();
}
