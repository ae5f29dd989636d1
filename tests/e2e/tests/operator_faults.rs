//! Two tenants, a topic shared under a grant, orders under way; and on the way the operator, both
//! runtimes, NATS and the API server are killed with -9. Nothing is lost, and all converges. Then the
//! grant is revoked, and given back. `kill -9` does not show what a power failure loses.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Receiver, warehouse};

const RUNTIME: &str = "app.kubernetes.io/name=vrsky-runtime";

fn grant(revoked: bool) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {{name: orders-for-globex, namespace: acme}}
spec: {{to: {{tenant: globex}}, topic: orders, revoked: {revoked}}}
"
    )
}

fn globex(receiver: &str) -> String {
    format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: fulfil, namespace: globex}}
spec:
  source: {{topic: acme/orders}}
  sinks:
    warehouse:
      connector: http
      with: {{url: "{receiver}", path: [warehouse]}}
      delivery: {{retries: {{attempts: 100, first: 200ms, max: 1s}}}}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_on_the_way_nothing_is_lost() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    installed.tenant("globex", "").unwrap();
    kubectl.apply(warehouse::SHOP).unwrap();
    kubectl.apply(&grant(false)).unwrap();
    // The people of globex see what they are offered, before anybody reads it.
    let gwen = kubectl.as_person("gwen", "view", "globex").unwrap();
    let offered = || {
        let map = gwen.get(&["configmap", "vrsky-grants", "-n", "globex"]);
        map.ok().map(|map| map["data"].clone())
    };
    let offers = vrsky_e2e::until(SOON, offered).await.unwrap();
    let offer: Value = serde_json::from_str(offers["acme.orders"].as_str().unwrap()).unwrap();
    assert_eq!(offer["topic"], "acme/orders");
    assert_eq!(offer["grant"], "acme/orders-for-globex");
    assert_eq!(offer["onward"], "Forbidden");
    kubectl.apply(&globex(receiver.url())).unwrap();
    installed.ready("acme", "flow/shop").await.unwrap();
    installed.ready("globex", "flow/fulfil").await.unwrap();
    let given = installed
        .ready("acme", "grant/orders-for-globex")
        .await
        .unwrap();
    assert_eq!(given["status"]["readers"], 1);
    let arrived = async |first: Range<u32>, more: Range<u32>| {
        let orders = first.chain(more);
        let arrived = warehouse::arrived(&installed, &receiver, warehouse::PATH, orders);
        arrived.await.unwrap()
    };

    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: Duration::from_mins(2),
        ..Poster::to(format!("{service}/acme/shop")).at_rate(200)
    };
    let operator = "app.kubernetes.io/name=vrsky-operator";
    let nats = "app.kubernetes.io/name=nats";
    let victims = [
        ("globex", RUNTIME),
        (NAMESPACE, operator),
        ("acme", RUNTIME),
        (NAMESPACE, nats),
    ];
    for (round, (namespace, selector)) in victims.into_iter().enumerate() {
        let first = u32::try_from(round).unwrap() * 600;
        let posting = warehouse::post(&poster, first..first + 600);
        let killing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            installed.kill(namespace, selector).await.unwrap();
        };
        let (posted, ()) = tokio::join!(posting, killing);
        println!(
            "killed {selector} in {namespace}: {} posts were made again",
            posted.unwrap().repeated
        );
    }
    arrived(0..2_400, 0..0).await;

    // The API server dies: messages flow on, and afterwards the operator does its work again.
    installed.cluster().kill_api_server().unwrap();
    warehouse::post(&poster, 2_400..3_000).await.unwrap();
    let copies = arrived(0..3_000, 0..0).await;
    installed.cluster().start_api_server().unwrap();
    for what in ["flow/shop", "grant/orders-for-globex"] {
        installed.ready("acme", what).await.unwrap();
    }
    println!("accepted 3000, delivered 3000, duplicated {copies}, lost 0");

    // Revoked: the reader stalls, the audit entry is there, nothing published later arrives.
    kubectl.apply(&grant(true)).unwrap();
    let ended = installed
        .until("acme", "grant/orders-for-globex", |grant| {
            !grant["status"]["revocation"]["at"].is_null()
        })
        .await
        .unwrap();
    assert_eq!(condition(&ended, "Revoked")["status"], "True", "{ended:#}");
    let stalled = installed.until("globex", "flow/fulfil", |flow| {
        condition(flow, "Stalled")["status"] == "True"
    });
    let stalled = stalled.await.unwrap();
    assert_eq!(
        condition(&stalled, "ResolvedRefs")["reason"],
        "GrantRevoked"
    );
    warehouse::post(&poster, 3_000..3_300).await.unwrap();
    arrived(0..3_000, 0..0).await;
    let is_gone = || offered().is_none().then_some(());
    vrsky_e2e::until(SOON, is_gone).await.unwrap();

    // Given back: what is published from now on arrives, what was published meanwhile never does.
    kubectl.apply(&grant(false)).unwrap();
    let given_back = installed.ready("acme", "grant/orders-for-globex");
    given_back.await.unwrap();
    installed.ready("globex", "flow/fulfil").await.unwrap();
    warehouse::post(&poster, 4_000..4_300).await.unwrap();
    arrived(0..3_000, 4_000..4_300).await;
    installed.clear().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_moves_between_tiers_without_loss() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    let flow = format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: ticks, namespace: acme}}
spec:
  source:
    connector: generate
    with: {{every: 20ms}}
    contract: {{fields: {{sequence: integer}}}}
  steps: [{{map: '. = {{"id": %id}}'}}]
  sinks:
    warehouse: {{connector: http, with: {{url: "{}", path: [ticks]}}}}
"#,
        receiver.url()
    );
    kubectl.apply(&flow).unwrap();
    installed.ready("acme", "flow/ticks").await.unwrap();
    receiver.wait_at("/ticks", 50, SOON).await.unwrap();
    for (tier, deployment) in [
        ("Dedicated", "vrsky-flow-ticks"),
        ("Shared", "vrsky-runtime"),
    ] {
        let patch = format!(r#"{{"spec":{{"tier":"{tier}"}}}}"#);
        kubectl
            .run(&["patch", "tenant", "acme", "--type=merge", "-p", &patch])
            .unwrap();
        let list = installed.until("acme", "deployments", |list| {
            let items = list["items"].as_array().unwrap();
            items.len() == 1
                && items[0]["metadata"]["name"] == deployment
                && items[0]["status"]["availableReplicas"] == 1
        });
        list.await.unwrap();
        installed.ready("acme", "flow/ticks").await.unwrap();
        let before = receiver.count_at("/ticks");
        receiver.wait_at("/ticks", before + 50, SOON).await.unwrap();
    }

    // Suspended, what was taken in has arrived: of each run, everything from 1 on, without a gap.
    let stop = r#"{"spec":{"suspend":true}}"#;
    kubectl
        .run(&[
            "patch",
            "flow",
            "ticks",
            "-n",
            "acme",
            "--type=merge",
            "-p",
            stop,
        ])
        .unwrap();
    let suspended = installed.ready("acme", "flow/ticks").await.unwrap();
    assert_eq!(condition(&suspended, "Suspended")["status"], "True");
    let mut runs: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for id in receiver.ids("/ticks", "id") {
        let (run, sequence) = id.rsplit_once('-').unwrap();
        let runs = runs.entry(run.to_owned()).or_default();
        runs.insert(sequence.parse().unwrap());
    }
    for (run, seen) in &runs {
        let last = *seen.last().unwrap();
        let missing: Vec<u64> = (1..=last).filter(|it| !seen.contains(it)).collect();
        assert!(
            missing.is_empty(),
            "{run}: {missing:?} of {last} are missing"
        );
    }
    println!(
        "{} runs, {} messages, 0 missing",
        runs.len(),
        runs.values().map(BTreeSet::len).sum::<usize>()
    );
    assert!(runs.len() >= 2, "the flow never moved: {runs:?}");
    installed.clear().unwrap();
}
