//! `kubectl vrsky …`, through kubectl, as people with different rights, on a real API server. No
//! operator runs: what it would have written is written by hand.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod people;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::{eventually, program};

use people::{Person, api, furnish};

fn flow(sinks: &Value) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Flow",
        "metadata": {"name": "orders", "namespace": "acme", "finalizers": ["vrsky.io/finalizer"]},
        "spec": {"source": {"connector": "webhook", "with": {"path": "/orders"}}, "sinks": sinks},
    })
}

fn status(kubectl: &Kubectl, object: &str, status: &Value) {
    let patch = json!({"status": status}).to_string();
    let arguments = ["patch", object, "-n", "acme", "--subresource=status"];
    let arguments = [&arguments[..], &["--type=merge", "-p", &patch]].concat();
    kubectl.run(&arguments).unwrap();
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

/// A Deployment without a pod that stays up.
fn crashing(kubectl: &Kubectl) {
    let labels = json!({"app.kubernetes.io/instance": "vrsky-runtime"});
    let containers = json!([{"name": "runtime", "image": "localhost/none:1"}]);
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "vrsky-runtime", "namespace": "acme"},
        "spec": {
            // Paused: no controller writes over what this test says of its pods.
            "paused": true,
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "vrsky-runtime-1", "namespace": "acme", "labels": labels},
        "spec": {"containers": containers},
    });
    kubectl.apply(&deployment.to_string()).unwrap();
    eventually("pods may be made", || {
        kubectl.apply(&pod.to_string()).is_ok()
    });
    let container = json!({
        "name": "runtime", "image": "localhost/none:1", "imageID": "", "ready": false,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    });
    let crashed = json!({"phase": "Running", "containerStatuses": [container]});
    status(kubectl, "pod/vrsky-runtime-1", &crashed);
}

#[test]
fn trace_finds_the_first_failure_with_the_rights_of_whoever_asks() {
    let api = api();
    let kubectl = api.kubectl();
    kubectl
        .apply(&flow(&json!({"out": {"connector": "log"}})).to_string())
        .unwrap();
    crashing(kubectl);
    let conditions = [
        condition("Accepted", "True", "Accepted"),
        condition("ResolvedRefs", "True", "Resolved"),
        condition("Programmed", "True", "Programmed"),
        condition("Ready", "False", "ReportStale"),
    ];
    let stale = json!({"observedGeneration": 1, "conditions": conditions});
    status(kubectl, "flow/orders", &stale);

    let ada = furnish(kubectl, "ada", "view");
    let (code, said, complained) = ada.run(&["trace", "flow/orders", "-n", "acme"]);
    assert_eq!(code, 1, "{said}{complained}");
    let marked = said.lines().find(|line| line.contains("◀ here")).unwrap();
    assert!(marked.contains("pod/vrsky-runtime-1"), "{said}");
    assert!(marked.contains("OOMKilled"), "{said}");
    assert!(said.contains("\nnext: look at the pods"), "{said}");

    let (code, said, _) = ada.run(&["trace", "orders", "-n", "acme", "-o", "name"]);
    assert_eq!((code, said.trim()), (1, "pod/vrsky-runtime-1"));

    // All flows, a line each: of the namespace; of all, for who may list them.
    let (code, said, _) = ada.run(&["trace", "-n", "acme", "-o", "name"]);
    assert_eq!((code, said.trim()), (1, "pod/vrsky-runtime-1"));
    let (code, said, _) = ada.run(&["trace", "-n", "acme"]);
    let line = said.lines().find(|line| line.contains("orders")).unwrap();
    assert!(
        line.contains('✘') && line.contains("pod/vrsky-runtime-1"),
        "{said}"
    );
    assert_eq!(code, 1);
    let (code, _, complained) = ada.run(&["trace", "-A"]);
    assert_eq!(code, 2);
    assert!(
        complained.contains("you may not list flows in all namespaces"),
        "{complained}"
    );

    // Somebody who sees our kinds alone.
    let bob = furnish(kubectl, "bob", "vrsky-view");
    let (code, said, _) = bob.run(&["trace", "orders", "-n", "acme", "-o", "json"]);
    assert_eq!(code, 1);
    let trace: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(trace["failure"], json!(["flow/orders"]));
    let last = trace["tree"]["children"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    assert_eq!(last["says"], "not visible to you");
    let (code, _, complained) = bob.run(&["trace", "flow/none", "-n", "acme"]);
    assert_eq!(code, 2);
    assert!(
        complained.contains("there is no flow none in acme"),
        "{complained}"
    );

    // Ready, and all is well.
    let mut conditions = conditions;
    conditions[3] = condition("Ready", "True", "Running");
    let running = json!({"observedGeneration": 1, "conditions": conditions});
    status(kubectl, "flow/orders", &running);
    let (code, said, _) = ada.run(&["trace", "flow/orders", "-n", "acme"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn diff_tells_what_would_change_and_changes_nothing() {
    let api = api();
    let kubectl = api.kubectl();
    let folder = tempfile::tempdir().unwrap();
    let write = |flow: &Value| {
        std::fs::write(folder.path().join("flow.yaml"), flow.to_string()).unwrap();
    };
    let path = folder.path().to_str().unwrap();
    let eve = furnish(kubectl, "eve", "edit");
    let before = flow(&json!({"erp": {"connector": "log"}}));
    write(&before);
    let (code, said, complained) = eve.run(&["diff", path, "-n", "acme"]);
    assert_eq!(
        (code, said.trim()),
        (1, "+ flow/orders in acme"),
        "{complained}"
    );
    let (_, said, _) = eve.run(&["diff", path, "-n", "acme", "-o", "name"]);
    assert_eq!(said.trim(), "flow.vrsky.io/orders");
    let flows = || kubectl.get(&["flows", "-n", "acme"]).unwrap();
    assert_eq!(flows()["items"], json!([]), "a dry run");

    kubectl.apply(&before.to_string()).unwrap();
    let (code, said, complained) = eve.run(&["diff", path, "-n", "acme"]);
    assert_eq!(
        (code, said.trim()),
        (0, "= flow/orders in acme"),
        "{complained}"
    );
    let (code, said, _) = eve.run(&["diff", path, "-n", "acme", "-o", "name"]);
    assert_eq!((code, said.trim()), (0, ""));
    write(&flow(&json!({"sap": {"connector": "log"}})));
    let stored = flows();
    let (code, said, complained) = eve.run(&["diff", path, "-n", "acme"]);
    assert_eq!(code, 1, "{complained}");
    assert!(
        said.contains("sink erp goes: what waits for it becomes dead letters"),
        "{said}"
    );
    assert!(said.contains("spec.sinks.sap: (none) → "), "{said}");
    assert_eq!(flows()["items"], stored["items"], "a dry run");

    // What the cluster refuses is said in its words, and who may not write may not ask.
    let mut wrong = before;
    wrong["spec"]["stpes"] = json!([]);
    write(&wrong);
    let (code, _, complained) = eve.run(&["diff", path, "-n", "acme"]);
    assert_eq!(code, 2);
    assert!(complained.contains("stpes"), "{complained}");
    let bob = furnish(kubectl, "bob", "view");
    let (code, _, complained) = bob.run(&["diff", path, "-n", "acme"]);
    assert_eq!(code, 2);
    assert!(complained.contains("forbidden"), "{complained}");
}

#[test]
fn lag_asks_the_runtimes_with_the_rights_of_who_asks() {
    let api = api();
    let kubectl = api.kubectl();
    kubectl
        .apply(&flow(&json!({"out": {"connector": "log"}})).to_string())
        .unwrap();
    let labels = json!({
        "app.kubernetes.io/managed-by": "vrsky",
        "app.kubernetes.io/name": "vrsky-runtime",
    });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "vrsky-runtime-1", "namespace": "acme", "labels": labels},
        "spec": {"containers": [{"name": "runtime", "image": "localhost/none:1"}]},
    });
    kubectl.apply(&pod.to_string()).unwrap();
    status(kubectl, "pod/vrsky-runtime-1", &json!({"phase": "Running"}));
    // The runtime does not answer: what waits is not known, and nothing is made up.
    let eve = furnish(kubectl, "eve", "edit");
    let (code, said, complained) = eve.run(&["lag", "-n", "acme"]);
    assert_eq!(code, 0, "{complained}");
    let row: Vec<&str> = said.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["orders", "Unknown", "-", "-"]);
    let (_, said, _) = eve.run(&["lag", "-n", "acme", "-o", "wide"]);
    let header: Vec<&str> = said.lines().next().unwrap().split_whitespace().collect();
    let columns = ["FLOW", "READY", "EDGE", "WAITING", "GENERATION", "URL"];
    assert_eq!(header, columns);
    let (_, said, _) = eve.run(&["lag", "-n", "acme", "-o", "name"]);
    assert_eq!(said.trim(), "flow.vrsky.io/orders");
    let (_, yaml, _) = eve.run(&["lag", "-n", "acme", "-o", "yaml"]);
    let (_, json, _) = eve.run(&["lag", "-n", "acme", "-o", "json"]);
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(yaml, json);
    let (code, _, complained) = eve.run(&["check", "--pre", "-o", "name"]);
    assert_eq!(code, 2);
    assert!(
        complained.contains("lag, diff, trace, dlq ls"),
        "{complained}"
    );
    let bob = furnish(kubectl, "bob", "view");
    let (code, _, complained) = bob.run(&["lag", "flow/orders", "-n", "acme"]);
    assert_eq!(code, 2);
    assert!(complained.contains("`get` on pods/proxy"), "{complained}");
    for (arguments, why) in [
        (
            &["lag", "-A"][..],
            "you may not list flows in all namespaces",
        ),
        (
            &["lag", "topic/orders", "-n", "acme"],
            "a flow is flow/NAME",
        ),
        (
            &["lag", "flow/other", "-n", "acme"],
            "there is no flow other",
        ),
    ] {
        let (code, _, complained) = bob.run(arguments);
        assert_eq!(code, 2);
        assert!(complained.contains(why), "{complained}");
    }
}

#[test]
fn finalize_lets_go_of_what_no_operator_will() {
    let api = api();
    let kubectl = api.kubectl();
    kubectl
        .apply(&flow(&json!({"out": {"connector": "log"}})).to_string())
        .unwrap();
    let admin = Person::new(kubectl.clone());
    let finalize = ["finalize", "flow/orders", "-n", "acme", "--force"];
    let (code, _, complained) = admin.run(&finalize);
    assert_eq!(code, 2);
    assert!(complained.contains("is not being deleted"), "{complained}");
    kubectl
        .run(&["delete", "flow", "orders", "-n", "acme", "--wait=false"])
        .unwrap();
    let lease = |seconds: u32| {
        let now = kubectl.run(&["get", "--raw", "/version"]).is_ok();
        assert!(now);
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "vrsky-operator", "namespace": NAMESPACE},
            "spec": {
                "holderIdentity": "one",
                "leaseDurationSeconds": seconds,
                "renewTime": "2026-01-01T00:00:00.000000Z",
            },
        })
    };
    // Ten years: it leads. A second: it did.
    kubectl
        .apply(&lease(10 * 365 * 86_400).to_string())
        .unwrap();
    let (code, _, complained) = admin.run(&finalize);
    assert_eq!(code, 2);
    assert!(
        complained.contains("an operator runs in vrsky-system"),
        "{complained}"
    );
    kubectl.apply(&lease(1).to_string()).unwrap();
    let (code, said, complained) = admin.run(&finalize);
    assert_eq!(code, 0, "{complained}");
    assert!(said.contains("left in NATS"), "{said}");
    let left = kubectl.get(&["flows", "-n", "acme"]).unwrap();
    assert_eq!(left["items"], json!([]));
    let (code, _, complained) = admin.run(&["finalize", "topic/orders", "--force"]);
    assert_eq!(code, 2);
    assert!(
        complained.contains("flow/NAME, grant/NAME or tenant/NAME"),
        "{complained}"
    );
}

#[test]
fn preflight_names_a_page_for_each_check_that_fails() {
    let api = api();
    let admin = Person::new(api.kubectl().clone());
    let (code, said, complained) = admin.run(&["check", "--pre", "-n", "acme"]);
    assert_eq!(code, 1, "{said}{complained}");
    assert!(
        said.contains("✔ kinds: vrsky.io/v1alpha1 is served"),
        "{said}"
    );
    assert!(
        said.contains("✘ operator: there is none in vrsky-system"),
        "{said}"
    );
    let pages = said.lines().filter(|line| line.contains("/docs/")).count();
    let failed = said.lines().filter(|line| line.contains('✘')).count();
    assert_eq!(pages, failed, "{said}");
    let bob = furnish(api.kubectl(), "bob", "view");
    let (code, said, complained) = bob.run(&["check", "--pre", "-n", "acme"]);
    assert_eq!(code, 0, "{said}{complained}");
    assert!(
        said.contains("? rights: you may not create flows in acme"),
        "{said}"
    );
    assert!(said.contains("? operator: not visible to you"), "{said}");
}

#[test]
fn bootstrap_stays_in_the_tenants_namespace() {
    for (by, theirs) in [("--flux", "flux"), ("--argocd", "argocd")] {
        let output = Command::new(program::vrsky().unwrap())
            .args(["tenant", "bootstrap", "acme", by, "--output", "json"])
            .args(["--repository", "https://git.example/acme.git"])
            .current_dir(Path::new("/"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let role = list["items"].as_array().unwrap().iter();
        let mut role = role.filter(|it| it["kind"] == "RoleBinding");
        let role = role.next().unwrap();
        assert_eq!(role["roleRef"]["name"], "edit");
        assert_eq!(role["subjects"][0]["name"], theirs);
        for object in list["items"].as_array().unwrap() {
            let kind = object["kind"].as_str().unwrap();
            let place = &object["metadata"]["namespace"];
            let expected = match kind {
                "Namespace" | "Tenant" => &Value::Null,
                "AppProject" | "Application" => &json!("argocd"),
                _ => &json!("acme"),
            };
            assert_eq!(place, expected, "{kind}");
            let whitelist = &object["spec"]["namespaceResourceWhitelist"];
            assert!(!whitelist.to_string().contains('*'), "{whitelist}");
        }
    }
}
