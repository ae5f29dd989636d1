//! Three servers as docs/operations.md has them: each is killed in turn while orders come in, then one
//! loses its disk. Nothing is lost. `kill -9` does not show what a power failure loses.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::time::Duration;

use serde_json::{Value, json};
use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::installed::Installed;
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Receiver, program, warehouse};

/// The servers of `deploy/nats-production.yaml`, for a small node that has no volumes: a container that
/// is killed finds its files again, a new pod does not.
fn servers() -> String {
    let file = program::repository().join("deploy/nats-production.yaml");
    let mut documents = chart::documents(&std::fs::read_to_string(file).unwrap()).unwrap();
    for document in &mut documents {
        if document["kind"] == "StatefulSet" {
            let spec = document["spec"].as_object_mut().unwrap();
            spec.remove("volumeClaimTemplates").unwrap();
            let pod = &mut spec["template"]["spec"];
            let volumes = pod["volumes"].as_array_mut().unwrap();
            volumes.push(json!({"name": "data", "emptyDir": {}}));
            let container = &mut pod["containers"][0];
            container["image"] = json!("localhost/nats-server:dev");
            container["imagePullPolicy"] = json!("Never");
            container["resources"] = json!({"requests": {"cpu": "50m", "memory": "64Mi"}});
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": documents}).to_string()
}

/// Every stream of a tenant that a server knows, with its number of replicas.
fn replicas(installed: &Installed) -> Vec<(String, u64)> {
    let path = format!(
        "/api/v1/namespaces/{NAMESPACE}/pods/nats-0:8222/proxy/jsz?accounts=true&streams=true&config=true"
    );
    let said = installed.kubectl().run(&["get", "--raw", &path]).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    let accounts = said["account_details"].as_array().unwrap();
    let streams = accounts
        .iter()
        .filter_map(|account| account["stream_detail"].as_array())
        .flatten();
    streams
        .map(|stream| {
            let name = stream["name"].as_str().unwrap().to_owned();
            (name, stream["config"]["num_replicas"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_three_may_die_or_lose_its_disk() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    kubectl.apply(&servers()).unwrap();
    installed.rolled_out(NAMESPACE, "statefulset/nats").unwrap();
    let production = chart::folder("vrsky").join("values-production.yaml");
    installed
        .upgrade(&[
            &format!("--values={}", production.display()),
            "--set=podMonitors.enabled=false,alerts.enabled=false",
        ])
        .unwrap();
    let operator = "deployment/vrsky-operator";
    installed.rolled_out(NAMESPACE, operator).unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&warehouse::flow(&receiver, "[]")).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let replicas = replicas(&installed);
    let tenants: Vec<_> = replicas
        .iter()
        .filter(|(name, _)| name.starts_with("T_") || name.starts_with("D_"))
        .collect();
    assert_eq!(tenants.len(), 2, "{replicas:?}");
    assert!(
        replicas.iter().all(|(_, count)| *count == 3),
        "{replicas:?}"
    );

    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: Duration::from_mins(2),
        ..Poster::to(format!("{service}/acme/orders")).at_rate(100)
    };
    let mut repeated = 0;
    for round in 0_u32..4 {
        let pod = format!("nats-{}", round % 3);
        let posting = warehouse::post(&poster, round * 600..(round + 1) * 600);
        let breaking = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if round < 3 {
                let selector = format!("statefulset.kubernetes.io/pod-name={pod}");
                installed.kill(NAMESPACE, &selector).await.unwrap();
            } else {
                let lost = [
                    "delete",
                    "pod",
                    "-n",
                    NAMESPACE,
                    &pod,
                    "--force",
                    "--grace-period=0",
                ];
                kubectl.run(&lost).unwrap();
            }
        };
        let (posted, ()) = tokio::join!(posting, breaking);
        repeated += posted.unwrap().repeated;
        // One at a time: the next is broken when this one is whole.
        installed.rolled_out(NAMESPACE, "statefulset/nats").unwrap();
    }
    let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, 0..2_400);
    let copies = arrived.await.unwrap();
    println!("accepted 2400, {repeated} posts made again, {copies} duplicated, lost 0");
    installed.ready("acme", "flow/orders").await.unwrap();

    installed.clear().unwrap();
    installed.install(&[]).unwrap();
    let kinds =
        "statefulsets,services,configmaps,serviceaccounts,networkpolicies,poddisruptionbudgets";
    let selector = "--selector=app.kubernetes.io/name=nats,app.kubernetes.io/instance!=vrsky";
    let delete = ["delete", kinds, "-n", NAMESPACE, selector];
    kubectl.run(&delete).unwrap();
    let pods = "--selector=app.kubernetes.io/name=nats,app.kubernetes.io/instance=nats";
    let delete = [
        "delete",
        "pods",
        "-n",
        NAMESPACE,
        pods,
        "--force",
        "--grace-period=0",
    ];
    kubectl.run(&delete).unwrap();
}
