//! The way in from outside: an Ingress for each webhook, where the platform asks for it, that follows
//! its flow. There is no ingress controller in the test cluster: what is made is looked at, not used.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use serde_json::json;
use vrsky_e2e::installed::{Installed, condition};

fn flow(name: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: {name}, namespace: acme}}
spec:
  source: {{connector: webhook, with: {{path: /in/{name}}}}}
  sinks: {{printed: {{connector: log}}}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_has_a_way_in_that_follows_it() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed
        .install(&[
            "--set=webhooks.url=https://hooks.example.com,webhooks.ingress.enabled=true",
            "--set=webhooks.ingress.className=nginx,webhooks.ingress.tlsSecret=hooks-tls",
        ])
        .unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&flow("orders")).unwrap();
    kubectl.apply(&flow("returns")).unwrap();
    let orders = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(
        orders["status"]["url"],
        "https://hooks.example.com/acme/in/orders"
    );
    installed.ready("acme", "flow/returns").await.unwrap();
    let wanted = |service: &str| {
        json!({
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["hooks.example.com"], "secretName": "hooks-tls"}],
            "rules": [{"host": "hooks.example.com", "http": {"paths": [{
                "path": "/acme/in/orders",
                "pathType": "Exact",
                "backend": {"service": {"name": service, "port": {"name": "http"}}},
            }]}}],
        })
    };
    let ingress = "ingress/vrsky-flow-orders";
    let has = |service: &'static str| {
        installed.until("acme", ingress, move |ingress| {
            ingress["spec"] == wanted(service)
        })
    };
    has("vrsky-runtime").await.unwrap();

    // Another tier has another Service.
    let tier = r#"{"spec":{"tier":"Dedicated"}}"#;
    kubectl
        .run(&["patch", "tenant", "acme", "--type=merge", "-p", tier])
        .unwrap();
    has("vrsky-flow-orders").await.unwrap();

    // Nobody else changes it, and what somebody deleted is made again.
    let class = r#"{"spec":{"ingressClassName":"other"}}"#;
    kubectl
        .run(&["patch", ingress, "-n", "acme", "--type=merge", "-p", class])
        .unwrap_err();
    kubectl.run(&["delete", ingress, "-n", "acme"]).unwrap();
    let all = installed.until("acme", "ingresses", |list| {
        list["items"].as_array().unwrap().len() == 2
    });
    all.await.unwrap();

    // It goes with its flow.
    kubectl
        .run(&["delete", "flow", "orders", "-n", "acme", "--timeout=60s"])
        .unwrap();
    let one = installed.until("acme", "ingresses", |list| {
        let names: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["metadata"]["name"].clone())
            .collect();
        names == [json!("vrsky-flow-returns")]
    });
    one.await.unwrap();

    // One that the API server refuses is said where its owner looks.
    installed
        .install(&[
            "--set=webhooks.url=https://hooks.example.com,webhooks.ingress.enabled=true",
            "--set=webhooks.ingress.annotations.not\\ a\\ name=x",
        ])
        .unwrap();
    let told = installed.until("acme", "flow/returns", |flow| {
        condition(flow, "Programmed")["reason"] == "WriteRefused"
    });
    let told = told.await.unwrap();
    let message = condition(&told, "Programmed")["message"].to_string();
    assert!(message.contains("not a name"), "{message}");
    installed.install(&[]).unwrap();
    installed.ready("acme", "flow/returns").await.unwrap();
    let left = ["delete", "ingresses", "--all", "-n", "acme"];
    kubectl.run(&left).unwrap();
    installed.clear().unwrap();
}
