//! The charts on a real API server: it takes every rendering, the pods pass the restricted profile, and
//! rights and admission policies hold for tenants, platform administrators and the operator itself.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

mod installed;
mod rights;

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::cluster::{Api, Kubectl};
use vrsky_e2e::program;

/// Applies by the server, as the operator and as GitOps controllers do; the answer, or the refusal.
pub(crate) fn apply(kubectl: &Kubectl, objects: &[Value], more: &[&str]) -> Result<String, String> {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    for object in objects {
        writeln!(file, "{object}").unwrap();
    }
    let path = file.path().to_str().unwrap();
    let mut arguments = vec!["apply", "--server-side", "--force-conflicts", "-f", path];
    arguments.extend(more);
    kubectl.run(&arguments).map_err(|error| error.to_string())
}

pub(crate) fn try_apply(kubectl: &Kubectl, object: &Value) -> Result<String, String> {
    apply(kubectl, std::slice::from_ref(object), &[])
}

/// It is refused, and the refusal says `why`.
pub(crate) fn refused(result: Result<String, String>, why: &str) {
    let error = result.expect_err(why);
    assert!(error.contains(why), "not {why:?}: {error}");
}

fn values() -> [Vec<String>; 3] {
    let file = |path: PathBuf| vec!["--values".to_owned(), path.to_str().unwrap().to_owned()];
    [
        Vec::new(),
        file(chart::folder("vrsky").join("values-production.yaml")),
        file(program::repository().join("tests/e2e/values/everything.yaml")),
    ]
}

/// Of an object that makes pods, such a pod.
fn pod(object: &Value) -> Option<Value> {
    let template = object.pointer("/spec/template")?;
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = object["metadata"]["name"].clone();
    pod["metadata"]["namespace"] = object["metadata"]["namespace"].clone();
    // A StatefulSet adds its claims; a StatefulSet's pod without them is no pod.
    let claims = object.pointer("/spec/volumeClaimTemplates");
    for claim in claims.and_then(Value::as_array).into_iter().flatten() {
        let name = &claim["metadata"]["name"];
        let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    }
    Some(pod)
}

#[test]
fn an_api_server_takes_every_rendering_and_the_pods_pass_the_restricted_profile() {
    let api = Api::start().unwrap();
    let kubectl = api.kubectl();
    chart::apply_kinds(kubectl).unwrap();
    for namespace in [NAMESPACE, "loose"] {
        kubectl.run(&["create", "namespace", namespace]).unwrap();
    }
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl
        .run(&["label", "namespace", NAMESPACE, label])
        .unwrap();
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "platform"}, "value": 1});
    try_apply(kubectl, &class).unwrap();

    let mut renderings: Vec<String> = values()
        .iter()
        .map(|arguments| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            chart::render("vrsky", &arguments).unwrap()
        })
        .collect();
    let servers = program::repository().join("deploy/nats-production.yaml");
    renderings.push(std::fs::read_to_string(servers).unwrap());
    let mut pods = 0;
    for rendering in renderings {
        let mut objects = chart::documents(&rendering).unwrap();
        // The Prometheus operator's kinds are not here.
        objects.retain(|it| it["apiVersion"] != "monitoring.coreos.com/v1");
        apply(kubectl, &objects, &["--dry-run=server"]).unwrap();
        for pod in objects.iter().filter_map(pod) {
            pods += 1;
            apply(kubectl, &[pod], &["--dry-run=server"]).unwrap();
        }
    }
    // Operator and uninstallation three times; the server of the chart twice, and the other set.
    assert_eq!(pods, 9);

    // The profile is enforced: a pod that asks for more is refused.
    let greedy = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "it", "image": "it"}]},
    });
    refused(try_apply(kubectl, &greedy), "violates PodSecurity");
}
