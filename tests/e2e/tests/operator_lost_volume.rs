//! The NATS server loses all that it holds. Everything is made again, by an operator and runtimes that
//! run on: keys are not in NATS. What was on its way is gone, as docs/install.md says.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::time::Instant;

use serde_json::json;
use vrsky_e2e::Receiver;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::poster::{Post, Poster};

fn posts(range: std::ops::Range<u32>) -> impl Iterator<Item = Post> {
    range.map(|number| {
        let id = format!("order-{number:06}");
        Post::json(id.clone(), &json!({"id": id}))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_server_is_filled_again() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    let flow = format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: orders, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /orders}}
    contract: {{fields: {{id: string}}}}
  sinks:
    warehouse:
      connector: http
      with: {{url: "{}", path: [warehouse]}}
"#,
        receiver.url()
    );
    kubectl.apply(&flow).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: SOON,
        ..Poster::to(format!("{service}/acme/orders"))
    };
    let posted = poster.post(posts(0..100)).await.unwrap();
    assert_eq!(posted.accepted.len(), 100, "{posted:?}");
    receiver.wait_at("/warehouse", 100, SOON).await.unwrap();
    let operator = "app.kubernetes.io/name=vrsky-operator";
    let before = installed.container(NAMESPACE, operator).unwrap();

    // Its volume goes with its pod (`nats.persistence.enabled: false`).
    let server = ["delete", "pod", "vrsky-nats-0", "-n", NAMESPACE];
    kubectl.run(&server).unwrap();
    installed
        .rolled_out(NAMESPACE, "statefulset/vrsky-nats")
        .unwrap();
    let began = Instant::now();
    let posted = poster.post(posts(100..300)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");
    receiver.wait_at("/warehouse", 300, SOON).await.unwrap();
    println!("an empty server served after {:?}", began.elapsed());
    installed.ready("acme", "flow/orders").await.unwrap();
    let after = installed.container(NAMESPACE, operator).unwrap();
    assert_eq!(before, after, "the operator ran on");
    installed.clear().unwrap();
}
