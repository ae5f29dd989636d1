//! A flow gets more pods when messages wait, each reads partitions of its own, and they go again when
//! they are not needed; by `kubectl scale` and a HorizontalPodAutoscaler, too. Nothing is lost on the way. On a real cluster.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::receiver::Answer;
use vrsky_e2e::{Receiver, until, warehouse};

const PODS: &str = "app.kubernetes.io/managed-by=vrsky,app.kubernetes.io/instance=vrsky-flow-bill";

/// A flow that bills them.
fn bill(receiver: &Receiver, scale: &str) -> String {
    let url = receiver.url();
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
      with: {{url: "{url}", path: [bills]}}
  scale: {scale}
"#
    )
}

const AUTOSCALER: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: bill, namespace: acme}
spec:
  scaleTargetRef: {apiVersion: vrsky.io/v1alpha1, kind: Flow, name: bill}
  minReplicas: 2
  maxReplicas: 2
";

/// Waits until the flow says that it has so many pods, and they are available; several leave a node one by
/// one.
async fn pods(installed: &Installed, count: u32) {
    let flow = installed.until("acme", "flow/bill", |flow| {
        flow["status"]["replicas"] == count && flow["status"]["selector"] == PODS
    });
    flow.await.unwrap();
    let available = |deployment: &Value| {
        let number = |field: &str| deployment["status"][field].as_u64().unwrap_or(0);
        let count = u64::from(count);
        number("availableReplicas") == count && number("replicas") == count
    };
    let deployment = installed.until("acme", "deployment/vrsky-flow-bill", available);
    deployment.await.unwrap();
    let budgets = until(SOON, || {
        let budgets = ["poddisruptionbudgets", "-n", "acme", "-l", PODS];
        let found = installed.kubectl().get(&budgets).ok()?;
        (found["items"].as_array()?.len() == usize::from(count > 1)).then_some(())
    });
    assert!(budgets.await.is_some(), "{count} pods");
}

/// The edges that each pod of the flow reads, as it says itself.
fn edges(kubectl: &Kubectl) -> Option<Vec<BTreeSet<String>>> {
    let pods = kubectl.get(&["pods", "-n", "acme", "-l", PODS]).ok()?;
    let pods = pods["items"].as_array()?.iter();
    pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| {
            let name = pod["metadata"]["name"].as_str()?;
            let path = format!("/api/v1/namespaces/acme/pods/{name}:8081/proxy/backlog");
            let answer = kubectl.run(&["get", "--raw", &path]).ok()?;
            let backlog: Value = serde_json::from_str(&answer).ok()?;
            let edges = backlog["acme/bill"].as_object()?.keys();
            Some(edges.cloned().collect())
        })
        .collect()
}

/// Waits until each of so many pods reads its partitions and no other's.
async fn shared_out(kubectl: &Kubectl, pods: usize) {
    let all = ["in", "in_1", "in_2"].map(str::to_owned);
    let mut seen = None;
    let found = until(SOON, || {
        seen = edges(kubectl);
        let found = seen.as_ref()?;
        let together: Vec<&String> = found.iter().flatten().collect();
        let is_whole = together.len() == all.len() && all.iter().all(|it| together.contains(&it));
        let is_shared = found.len() == pods && found.iter().all(|edges| !edges.is_empty());
        (is_whole && is_shared).then_some(())
    });
    assert!(found.await.is_some(), "{seen:?}");
}

/// Asks for the eviction of a pod, as a drain of its node does.
fn evict(kubectl: &Kubectl, pod: &str) -> anyhow::Result<String> {
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "acme"},
    });
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, eviction.to_string())?;
    let path = format!("/api/v1/namespaces/acme/pods/{pod}/eviction");
    let file = file.path().to_string_lossy();
    kubectl.run(&["create", "--raw", &path, "-f", &file])
}

/// One of three pods hangs: it may be evicted, and beside it no other.
async fn one_hangs(installed: &Installed) {
    let kubectl = installed.kubectl();
    let pods = kubectl.get(&["pods", "-n", "acme", "-l", PODS]).unwrap();
    let name = |place: usize| pods["items"][place]["metadata"]["name"].as_str().unwrap();
    let (hangs, is_well) = (name(0), name(1));
    installed.signal("acme", PODS, "SIGSTOP").unwrap();
    let is_unready = |pod: &Value| condition(pod, "Ready")["status"] == "False";
    let pod = format!("pod/{hangs}");
    installed.until("acme", &pod, is_unready).await.unwrap();
    let refused = evict(kubectl, is_well).unwrap_err().to_string();
    assert!(refused.contains("disruption budget"), "{refused}");
    evict(kubectl, hangs).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_pods_share_what_waits_and_go_when_they_are_not_needed() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    let think = |delay| {
        let answer = Answer {
            delay,
            ..Answer::status(204)
        };
        receiver.answer("/bills", answer);
    };
    installed.tenant("acme", "tier: Dedicated").unwrap();
    kubectl.apply(warehouse::SHOP).unwrap();
    let scale = "{min: 0, max: 3, backlogPerPod: 100, idleAfter: 10s}";
    kubectl.apply(&bill(&receiver, scale)).unwrap();
    installed.ready("acme", "flow/shop").await.unwrap();
    installed.ready("acme", "flow/bill").await.unwrap();
    let service = installed.service("acme", "vrsky-flow-shop").unwrap();
    let poster = Poster::to(format!("{service}/acme/shop"));
    pods(&installed, 0).await;

    // The sink is slow, and messages pile up.
    think(Duration::from_secs(20));
    warehouse::post(&poster, 0..600).await.unwrap();
    pods(&installed, 3).await;
    shared_out(kubectl, 3).await;
    think(Duration::ZERO);
    let arrived = warehouse::arrived(&installed, &receiver, "/bills", 0..600);
    arrived.await.unwrap();

    // Nothing to do.
    pods(&installed, 0).await;

    // By hand, as an editor of the namespace may; within bounds, and not as one who may only look.
    let by_hand = bill(&receiver, "{max: 3, replicas: 1}");
    kubectl.apply(&by_hand).unwrap();
    installed.ready("acme", "flow/bill").await.unwrap();
    let editor = kubectl.as_person("erin", "edit", "acme").unwrap();
    let viewer = kubectl.as_person("victor", "view", "acme").unwrap();
    let scale = |who: &Kubectl, replicas: u32| {
        let replicas = format!("--replicas={replicas}");
        who.run(&["scale", "-n", "acme", "flow/bill", &replicas])
            .map_err(|error| error.to_string())
    };
    let refused = scale(&viewer, 3).unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
    let refused = scale(&editor, 4).unwrap_err();
    assert!(refused.contains("replicas is at most max"), "{refused}");
    pods(&installed, 1).await;
    shared_out(kubectl, 1).await;
    scale(&editor, 3).unwrap();
    pods(&installed, 3).await;
    shared_out(kubectl, 3).await;

    // By an autoscaler of Kubernetes. There are no metrics here: it keeps to its bounds.
    editor.apply(AUTOSCALER).unwrap();
    pods(&installed, 2).await;
    shared_out(kubectl, 2).await;
    let name = "horizontalpodautoscaler/bill";
    let autoscaler = installed.until("acme", name, |it| it["status"]["currentReplicas"] == 2);
    assert_eq!(
        condition(&autoscaler.await.unwrap(), "AbleToScale")["status"],
        "True"
    );
    editor.run(&["delete", "-n", "acme", name]).unwrap();
    scale(&editor, 3).unwrap();
    pods(&installed, 3).await;
    shared_out(kubectl, 3).await;

    one_hangs(&installed).await;
    pods(&installed, 3).await;
    shared_out(kubectl, 3).await;

    // A pod dies in the middle of it; the others read what was its.
    think(Duration::from_millis(100));
    let posting = warehouse::post(&poster, 600..3_600);
    let killing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        installed.kill("acme", PODS).await
    };
    let (posted, killed) = tokio::join!(posting, killing);
    posted.unwrap();
    killed.unwrap();
    let arrived = warehouse::arrived(&installed, &receiver, "/bills", 0..3_600);
    arrived.await.unwrap();
    pods(&installed, 3).await;
    shared_out(kubectl, 3).await;

    // Without a scale, under load: one pod, one partition, and what lay on the others.
    let unscaled = bill(&receiver, "{}");
    let posting = warehouse::post(&poster, 3_600..5_000);
    let editing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        kubectl.apply(&unscaled)
    };
    let (posted, edited) = tokio::join!(posting, editing);
    posted.unwrap();
    edited.unwrap();
    pods(&installed, 1).await;
    let arrived = warehouse::arrived(&installed, &receiver, "/bills", 0..5_000);
    arrived.await.unwrap();

    for flow in ["bill", "shop"] {
        kubectl
            .run(&["delete", "flow", flow, "-n", "acme", "--timeout=60s"])
            .unwrap();
    }
    kubectl
        .run(&["delete", "tenant", "acme", "--timeout=60s"])
        .unwrap();
    installed.clear().unwrap();
}
