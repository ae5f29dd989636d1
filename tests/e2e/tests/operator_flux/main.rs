//! `git push` → Flux → Ready; a broken commit makes the Kustomization fail at once, with the diagnostic in
//! its message, and what ran keeps running; a revert heals it. With Flux's own controllers, as a tenant
//! with the rights of `edit`.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

mod flux;

use serde_json::Value;
use vrsky_e2e::gitops::{self, Scene};
use vrsky_e2e::installed::condition;
use vrsky_e2e::{Repository, warehouse};

const KUSTOMIZATION: &str = "kustomization.kustomize.toolkit.fluxcd.io/flows";

/// What a tenant's repository is synchronised by, but sooner.
fn sync(repository: &Repository) -> String {
    let sync = gitops::bootstrap("--flux", repository).unwrap();
    sync.replace("interval: 1m", "interval: 1s")
        .replace("retryInterval: 1s", "retryInterval: 5s")
}

/// Whether the Kustomization has come to an end with a commit.
fn has_tried(kustomization: &Value, commit: &str) -> bool {
    let tried = kustomization["status"]["lastAttemptedRevision"].as_str();
    tried.is_some_and(|tried| tried.ends_with(commit))
        && condition(kustomization, "Ready")["status"] != "Unknown"
        && !condition(kustomization, "Ready").is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_runs_and_a_broken_commit_fails_at_once() {
    let scene = Scene::fresh().await.unwrap();
    let (installed, repository) = (&scene.installed, &scene.repository);
    let kubectl = installed.kubectl();
    installed
        .install(&["--set=admission.warnings.enabled=true"])
        .unwrap();
    let flux = flux::start(kubectl).await.unwrap();
    let tried = async |commit: &str| {
        let tried = installed.until("acme", KUSTOMIZATION, |it| has_tried(it, commit));
        tried
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", flux.logs()))
    };

    let is_ready = async |commit: &str| {
        let kustomization = tried(commit).await;
        let ready = condition(&kustomization, "Ready");
        assert_eq!(ready["status"], "True", "{ready:#}\n{}", flux.logs());
    };
    let fails = async |commit: &str, why: &[&str]| {
        let kustomization = tried(commit).await;
        let ready = condition(&kustomization, "Ready");
        assert_eq!(ready["status"], "False", "{ready:#}");
        let message = ready["message"].as_str().unwrap();
        for part in why {
            assert!(message.contains(part), "{message}");
        }
        ready["reason"].clone()
    };

    // Nothing in an unchanged object says that its status is of before: Flux may have to look twice.
    let becomes = async |commit: &str, status: &str| {
        let looked = installed.until("acme", KUSTOMIZATION, |it| {
            has_tried(it, commit) && condition(it, "Ready")["status"] == status
        });
        looked
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", flux.logs()));
    };

    // Pushed: the Kustomization is ready, and by then messages flow.
    let first = warehouse::version(&scene.receiver, "1");
    let commit = repository.push("orders.yaml", &first).await.unwrap();
    scene.synchronise(&sync(repository)).unwrap();
    is_ready(&commit).await;
    let flow_now = kubectl.get(&["-n", "acme", "flow/orders"]).unwrap();
    assert_eq!(condition(&flow_now, "Ready")["status"], "True");
    scene.pass(0..100).await.unwrap();

    // A field that no contract declares: it fails at once, not when the time to wait is over, and says
    // why, as the Flow does; the first version runs on.
    let wrong = warehouse::version(&scene.receiver, ".versoin");
    let commit = repository.push("orders.yaml", &wrong).await.unwrap();
    let place = "Flow/acme/orders status: 'Failed': spec.steps[0].map: ";
    let reason = fails(&commit, &["failed early", place, ".versoin", "VRS0402"]).await;
    assert_eq!(reason, "HealthCheckFailed");
    let flow_now = kubectl.get(&["-n", "acme", "flow/orders"]).unwrap();
    let found = &flow_now["status"]["diagnostics"][0];
    assert_eq!(found["code"], "VRS0402", "{flow_now:#}");
    assert_eq!(found["path"], "spec.steps[0].map");
    assert_eq!(flow_now["status"]["running"]["generation"], 1);
    // It stands beside the Kustomization, too, where `flux events` shows it.
    let beside = installed.until("acme", "events.events.k8s.io", |list| {
        let events = list["items"].as_array().unwrap().iter();
        let mut events = events.filter(|it| it["regarding"]["kind"] == "Kustomization");
        events.any(|it| {
            let note = it["note"].as_str().unwrap_or_default();
            it["type"] == "Warning" && note.contains("Flow orders") && note.contains("versoin")
        })
    });
    beside.await.unwrap();
    scene.pass(100..200).await.unwrap();

    // Reverted: healed.
    let commit = repository.revert().await.unwrap();
    is_ready(&commit).await;

    // A shape that the kinds do not have is refused before anything is written, with its place.
    let shapeless = first.replace("  steps:", "  stpes:");
    let commit = repository.push("orders.yaml", &shapeless).await.unwrap();
    fails(&commit, &["spec.stpes"]).await;
    let commit = repository.revert().await.unwrap();
    is_ready(&commit).await;

    // A topic that changes under a flow that does not: the flow is named, and why.
    let commit = repository.push("shop.yaml", warehouse::SHOP).await.unwrap();
    is_ready(&commit).await;
    let changed = warehouse::SHOP.replacen("{id: string}", "{id: string, total: number}", 1);
    let commit = repository.push("shop.yaml", &changed).await.unwrap();
    becomes(&commit, "False").await;
    let place = "Flow/acme/shop status: 'Failed': spec.sinks.orders.topic: ";
    fails(&commit, &["failed early", place, ".total", "VRS0403"]).await;
    let commit = repository.revert().await.unwrap();
    becomes(&commit, "True").await;
    // And one that does not fit another tenant's topic.
    installed.tenant("globex", "").unwrap();
    kubectl.apply(warehouse::LEVELS).unwrap();
    let reader = [".idd", ".id"].map(|field| warehouse::reader(&format!("{field} != \"\"")));
    let commit = repository.push("levels.yaml", &reader[0]).await.unwrap();
    let place = "Flow/acme/levels status: 'Failed': spec.steps[0].filter: ";
    fails(&commit, &[place, ".idd", "VRS0404"]).await;
    let commit = repository.push("levels.yaml", &reader[1]).await.unwrap();
    is_ready(&commit).await;

    // What does not come in time says what it waits for.
    let soon = ["--type=merge", "--patch={\"spec\": {\"timeout\": \"2s\"}}"];
    kubectl
        .run(&[&["patch", "-n", "acme", KUSTOMIZATION], &soon[..]].concat())
        .unwrap();
    let early = reader[1].replace("globex/levels", "prices");
    let commit = repository.push("levels.yaml", &early).await.unwrap();
    let place = "Flow/acme/levels status: 'InProgress': spec.source.topic: ";
    fails(&commit, &["timeout waiting for", place, "prices"]).await;

    // Deleted with its sync: pruned, by the tenant's own rights.
    kubectl
        .run(&["delete", "-n", "acme", KUSTOMIZATION, "--timeout=60s"])
        .unwrap();
    let gone = installed.until("acme", "flows", |list| {
        list["items"].as_array().unwrap().is_empty()
    });
    gone.await.unwrap();
    let versions = scene.receiver.at(warehouse::PATH);
    assert!(versions.iter().all(|it| it.json()["version"] == 1));
    installed.install(&[]).unwrap();
    installed.clear().unwrap();
}
