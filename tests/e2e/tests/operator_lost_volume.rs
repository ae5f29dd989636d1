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

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Receiver, warehouse};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_server_is_filled_again() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&warehouse::flow(&receiver, "[]")).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: SOON,
        ..Poster::to(format!("{service}/acme/orders"))
    };
    warehouse::post(&poster, 0..100).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..100);
    arrived.await.unwrap();
    let operator = "app.kubernetes.io/name=vrsky-operator";
    let before = installed.container(NAMESPACE, operator).unwrap();

    // Its volume goes with its pod (`nats.persistence.enabled: false`).
    let server = ["delete", "pod", "vrsky-nats-0", "-n", NAMESPACE];
    kubectl.run(&server).unwrap();
    installed
        .rolled_out(NAMESPACE, "statefulset/vrsky-nats")
        .unwrap();
    let began = Instant::now();
    warehouse::post(&poster, 100..300).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..300);
    arrived.await.unwrap();
    println!("an empty server served after {:?}", began.elapsed());
    installed.ready("acme", "flow/orders").await.unwrap();
    let after = installed.container(NAMESPACE, operator).unwrap();
    assert_eq!(before, after, "the operator ran on");
    installed.clear().unwrap();
}
