//! A node is drained while orders come in: runtimes and the operator leave it in good order, nothing is
//! lost, and all is well again when the node is back. Its NATS stays: it keeps nothing in this cluster,
//! which has no volumes.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::time::Duration;

use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Receiver, warehouse};

const NODE: &str = "node-1";
const ORDERS: u32 = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_drained_without_loss() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&warehouse::flow(&receiver, "[]")).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: Duration::from_mins(4),
        concurrency: 64,
        ..Poster::to(format!("{service}/acme/orders")).at_rate(200)
    };
    let posting = warehouse::post(&poster, 0..ORDERS);
    let draining = async {
        receiver.wait_at(warehouse::PATH, 400, SOON).await.unwrap();
        let ours = "--pod-selector=app.kubernetes.io/name in (vrsky-runtime, vrsky-operator)";
        let drain = [
            "drain",
            NODE,
            "--delete-emptydir-data",
            "--timeout=90s",
            ours,
        ];
        let drained = kubectl.run(&drain);
        // The operator is away as well: nobody says anything until it is back.
        kubectl.run(&["uncordon", NODE]).unwrap();
        drained.unwrap()
    };
    let (posted, drained) = tokio::join!(posting, draining);
    let posted = posted.unwrap();
    let evicted: Vec<&str> = drained
        .lines()
        .filter(|line| line.starts_with("pod/") && line.ends_with(" evicted"))
        .collect();
    assert_eq!(evicted.len(), 2, "{drained}");
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..ORDERS);
    let copies = arrived.await.unwrap();
    println!(
        "drained: {ORDERS} accepted, {} posts made again, {copies} duplicated, lost 0",
        posted.repeated
    );
    assert!(
        posted.repeated > 0,
        "no post fell into the time when no runtime was there"
    );

    // Only a node at which nothing may start: what cannot run says so, and heals.
    kubectl.run(&["cordon", NODE]).unwrap();
    let runtime = "--selector=app.kubernetes.io/name=vrsky-runtime";
    let deleted = kubectl.run(&["delete", "pod", "-n", "acme", runtime]);
    deleted.unwrap();
    let stuck = installed.until("acme", "flow/orders", |flow| {
        condition(flow, "Ready")["reason"] == "Unschedulable"
    });
    let stuck = stuck.await;
    kubectl.run(&["uncordon", NODE]).unwrap();
    let stuck = stuck.unwrap();
    assert_eq!(condition(&stuck, "Reconciling")["status"], "True");
    installed.ready("acme", "flow/orders").await.unwrap();
    installed.clear().unwrap();
}
