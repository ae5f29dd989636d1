//! A flow that reads a topic goes to zero pods when it has nothing to do, comes back for the first
//! message, and loses none. On a real cluster.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use serde_json::Value;
use vrsky_e2e::installed::{Installed, condition};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Receiver, warehouse};

/// A flow that bills orders when there are any.
fn bill(receiver: &str) -> String {
    format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: bill, namespace: acme}}
spec:
  source: {{topic: orders}}
  sinks:
    bills:
      connector: http
      with: {{url: "{receiver}", path: [bills]}}
  scale: {{min: 0, idleAfter: 10s}}
"#
    )
}

/// Waits until the reader is at zero, and says so.
async fn at_zero(installed: &Installed) {
    let is_at_zero = |deployment: &Value| {
        deployment["spec"]["replicas"] == 0 && deployment["status"]["replicas"].is_null()
    };
    installed
        .until("acme", "deployment/vrsky-flow-bill", is_at_zero)
        .await
        .unwrap();
    let flow = installed
        .until("acme", "flow/bill", |flow| {
            condition(flow, "Ready")["reason"] == "Idle"
        })
        .await
        .unwrap();
    let ready = condition(&flow, "Ready");
    assert_eq!(ready["status"], "True");
    assert_eq!(ready["observedGeneration"], flow["metadata"]["generation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_without_messages_has_no_pod_and_loses_none_that_comes() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "tier: Dedicated").unwrap();
    kubectl.apply(warehouse::SHOP).unwrap();
    kubectl.apply(&bill(receiver.url())).unwrap();
    installed.ready("acme", "flow/shop").await.unwrap();
    installed.ready("acme", "flow/bill").await.unwrap();
    let service = installed.service("acme", "vrsky-flow-shop").unwrap();
    let poster = Poster::to(format!("{service}/acme/shop"));

    // Nothing to do: no pod, and ready.
    at_zero(&installed).await;

    // Messages come: a pod does, too, and every one arrives.
    warehouse::post(&poster, 0..500).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, "/bills", 0..500);
    arrived.await.unwrap();
    installed
        .until("acme", "flow/bill", |flow| {
            condition(flow, "Ready")["reason"] == "Running"
        })
        .await
        .unwrap();

    // Again: an edit at zero needs no pod, and the next one runs it.
    at_zero(&installed).await;
    let edit = r#"{"spec": {"steps": [{"filter": ".id != \"\""}]}}"#;
    kubectl
        .run(&[
            "patch",
            "-n",
            "acme",
            "flow",
            "bill",
            "--type=merge",
            "-p",
            edit,
        ])
        .unwrap();
    installed.ready("acme", "flow/bill").await.unwrap();
    at_zero(&installed).await;
    warehouse::post(&poster, 500..600).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, "/bills", 0..600);
    arrived.await.unwrap();

    // A hand that starts pods is mended.
    at_zero(&installed).await;
    let name = "deployment/vrsky-flow-bill";
    kubectl
        .run(&["scale", "-n", "acme", name, "--replicas=2"])
        .unwrap();
    at_zero(&installed).await;

    // Deleted at zero: nothing is left.
    kubectl
        .run(&["delete", "flow", "bill", "-n", "acme", "--timeout=60s"])
        .unwrap();
    kubectl
        .run(&["delete", "flow", "shop", "-n", "acme", "--timeout=60s"])
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
