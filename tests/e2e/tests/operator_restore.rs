//! What cannot be made again, the keys and the inventory, is lost with the operator, and comes back from
//! a backup, by the commands of docs/install.md. Flows run on meanwhile, and what waited is not lost.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Answer, Folder, Receiver, warehouse};

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_inventory_come_back_from_a_backup() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&warehouse::version(&receiver, "1")).unwrap();
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
    receiver.answer(warehouse::PATH, Answer::status(503));
    warehouse::post(&poster, 0..200).await.unwrap();

    // Lost, with the operator. Flows run on.
    installed.scale_operator(0).unwrap();
    let operators = "--selector=app.kubernetes.io/name=vrsky-operator";
    let wait = ["-n", NAMESPACE, "--for=delete", "pod", operators];
    kubectl.wait(&wait, SOON).unwrap();
    kubectl
        .run(&["delete", "-n", NAMESPACE, both[0], both[1]])
        .unwrap();
    warehouse::post(&poster, 200..400).await.unwrap();

    // Put back before the operator starts.
    let file = folder.path().join("vrsky-keys.yaml");
    let create = ["create", "-n", NAMESPACE, "-f", file.to_str().unwrap()];
    kubectl.run(&create).unwrap();
    installed.scale_operator(1).unwrap();
    installed
        .rolled_out(NAMESPACE, "deployment/vrsky-operator")
        .unwrap();
    kubectl.apply(&warehouse::version(&receiver, "2")).unwrap();
    let flow = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(flow["status"]["running"]["generation"], 2);
    receiver.answer(warehouse::PATH, Answer::status(200));
    warehouse::post(&poster, 400..600).await.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..600);
    arrived.await.unwrap();
    println!("restored: accepted 600, delivered 600, lost 0");
    installed.clear().unwrap();
}
