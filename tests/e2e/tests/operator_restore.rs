//! What cannot be made again, the keys and the inventory, is lost with the operator, and comes back from
//! a backup, by the commands of docs/install.md. Flows run on meanwhile, and what waited is not lost.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeSet;

use serde_json::json;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Answer, Folder, Receiver};

fn flow(receiver: &str, map: &str) -> String {
    format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: orders, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /orders}}
    contract: {{fields: {{id: string}}}}
  steps: [{{map: '{map}'}}]
  sinks:
    warehouse:
      connector: http
      with: {{url: "{receiver}", path: [warehouse]}}
      delivery: {{retries: {{attempts: 100, first: 200ms, max: 1s}}}}
"#
    )
}

fn posts(range: std::ops::Range<u32>) -> impl Iterator<Item = Post> {
    range.map(|number| {
        let id = format!("order-{number:06}");
        Post::json(id.clone(), &json!({"id": id}))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_inventory_come_back_from_a_backup() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    let first = flow(receiver.url(), r#". = {"id": .id, "version": 1}"#);
    kubectl.apply(&first).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster::to(format!("{service}/acme/orders"));

    // The backup, and something that waits.
    let both = ["secret/vrsky-keys", "configmap/vrsky-inventory"];
    let get = ["get", "-n", NAMESPACE, both[0], both[1], "-o", "yaml"];
    let folder = Folder::empty().unwrap();
    folder
        .write("vrsky-keys.yaml", &kubectl.run(&get).unwrap())
        .unwrap();
    receiver.answer("/warehouse", Answer::status(503));
    let posted = poster.post(posts(0..200)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");

    // Lost, with the operator. Flows run on.
    installed.scale_operator(0).unwrap();
    let operators = "--selector=app.kubernetes.io/name=vrsky-operator";
    let wait = ["-n", NAMESPACE, "--for=delete", "pod", operators];
    kubectl.wait(&wait, SOON).unwrap();
    kubectl
        .run(&["delete", "-n", NAMESPACE, both[0], both[1]])
        .unwrap();
    let posted = poster.post(posts(200..400)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");

    // Put back before the operator starts.
    let file = folder.path().join("vrsky-keys.yaml");
    let create = ["create", "-n", NAMESPACE, "-f", file.to_str().unwrap()];
    kubectl.run(&create).unwrap();
    installed.scale_operator(1).unwrap();
    installed
        .rolled_out(NAMESPACE, "deployment/vrsky-operator")
        .unwrap();
    let second = flow(receiver.url(), r#". = {"id": .id, "version": 2}"#);
    kubectl.apply(&second).unwrap();
    let flow = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(flow["status"]["running"]["generation"], 2);
    receiver.answer("/warehouse", Answer::status(200));
    let posted = poster.post(posts(400..600)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");
    let wanted: BTreeSet<String> = (0..600).map(|it| format!("order-{it:06}")).collect();
    let all = || (receiver.ids("/warehouse", "id") == wanted).then_some(());
    vrsky_e2e::until(SOON, all).await.unwrap_or_else(|| {
        let arrived = receiver.ids("/warehouse", "id").len();
        panic!("{arrived} of 600 arrived\n{}", installed.logs())
    });
    println!("restored: accepted 600, delivered 600, lost 0");
    installed.clear().unwrap();
}
