//! The charts: Helm's own review, the plain manifests, and the pages that describe them, all generated
//! and compared. `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

mod rights;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};
use vrsky_broker::{Keys, ServerConfig};
use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::program;

fn production() -> PathBuf {
    chart::folder("vrsky").join("values-production.yaml")
}

fn everything() -> PathBuf {
    program::repository().join("tests/e2e/values/everything.yaml")
}

/// The product's objects with further arguments for Helm.
fn objects(arguments: &[&str]) -> Vec<Value> {
    chart::documents(&chart::render("vrsky", arguments).unwrap()).unwrap()
}

fn with_values(file: &Path) -> Vec<Value> {
    objects(&["--values", file.to_str().unwrap()])
}

/// The one object of this kind and name.
fn one<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects
        .iter()
        .filter(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    let object = found.next().unwrap_or_else(|| panic!("no {kind}/{name}"));
    assert!(found.next().is_none(), "two {kind}/{name}");
    object
}

/// Compares a generated file, or rewrites it.
fn compare(path: &str, text: &str) {
    let file = program::repository().join(path);
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let stored = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == text,
        "{path} is stale: run UPDATE=1 cargo test -p vrsky-e2e --test charts"
    );
}

#[test]
fn helm_has_nothing_to_say_against_the_charts() {
    let lint = |chart: &str, values: Option<PathBuf>| {
        let mut command = chart::helm().unwrap();
        command.args(["lint", "--strict", "--quiet", "--namespace", NAMESPACE]);
        if let Some(values) = &values {
            command.arg("--values").arg(values);
        }
        let output = command.arg(chart::folder(chart)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{chart} with {values:?}: {said}");
    };
    lint("vrsky-crds", None);
    lint("vrsky", None);
    lint("vrsky", Some(production()));
    lint("vrsky", Some(everything()));
}

#[test]
fn the_plain_manifests_are_the_charts() {
    let kinds = chart::render("vrsky-crds", &[]).unwrap();
    let product = chart::render("vrsky", &["--no-hooks"]).unwrap();
    let text = format!(
        "# VRSky with default values: the charts vrsky-crds and vrsky, rendered by a test\n\
         # (`UPDATE=1 cargo test -p vrsky-e2e --test charts`).\n\
         #\n\
         #   kubectl apply --server-side -f deploy/vrsky.yaml\n\
         ---\n\
         apiVersion: v1\n\
         kind: Namespace\n\
         metadata:\n\
         \x20 name: {NAMESPACE}\n\
         \x20 labels:\n\
         \x20   pod-security.kubernetes.io/enforce: restricted\n\
         {kinds}{product}"
    );
    compare("deploy/vrsky.yaml", &text);
}

#[test]
fn a_value_that_does_not_exist_is_refused_and_a_missing_one_is_named() {
    let refused = |set: &str| {
        let error = chart::render("vrsky", &["--set", set]).unwrap_err();
        error.to_string()
    };
    let error = refused("operator.replica=2");
    assert!(error.contains("replica"), "{error}");
    let error = refused("nats.enabled=false");
    assert!(error.contains("--set nats.url="), "{error}");
    let error = refused("nats.maxFileStore=10GB");
    assert!(error.contains("maxFileStore"), "{error}");
    let error = refused("webhooks.url=hooks.example.com");
    assert!(error.contains("webhooks"), "{error}");
    let error = refused("webhooks.ingress.enabled=true");
    assert!(error.contains("--set webhooks.url="), "{error}");
    let error = refused("webhooks.url=https://a.example,webhooks.httpRoute.enabled=true");
    assert!(error.contains("which Gateway"), "{error}");
    let error = refused("nats.replicas=3");
    assert!(error.contains("docs/operations.md"), "{error}");
}

#[test]
fn all_values_arrive() {
    let objects = with_values(&everything());
    let deployment = one(&objects, "Deployment", "vrsky-operator");
    let pod = &deployment["spec"]["template"]["spec"];
    let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(
        pod["containers"][0]["image"],
        format!("registry.example.com/mirror/vrsky/operator@sha256:{digest}")
    );
    assert_eq!(deployment["spec"]["replicas"], 3);
    let env = pod["containers"][0]["env"].as_array().unwrap();
    let names: Vec<&str> = env.iter().map(|it| it["name"].as_str().unwrap()).collect();
    let wanted = [
        "VRSKY_NAMESPACE",
        "POD_NAME",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "RUST_LOG",
        "NODE",
    ];
    assert_eq!(names, wanted);
    let mut scheduled: Vec<&str> = [
        "nodeSelector",
        "tolerations",
        "affinity",
        "topologySpreadConstraints",
        "priorityClassName",
        "imagePullSecrets",
    ]
    .into_iter()
    .filter(|field| pod[field].is_null())
    .collect();
    let server = one(&objects, "StatefulSet", "vrsky-nats");
    let server_pod = &server["spec"]["template"]["spec"];
    scheduled.extend(
        [
            "nodeSelector",
            "tolerations",
            "affinity",
            "priorityClassName",
        ]
        .into_iter()
        .filter(|field| server_pod[field].is_null()),
    );
    assert_eq!(scheduled, [""; 0], "lost");
    assert_eq!(server["spec"]["volumeClaimTemplates"], json!(null));
    let data = &server_pod["volumes"][1];
    assert_eq!(data["emptyDir"]["sizeLimit"], "120Gi");

    let config = &one(&objects, "ConfigMap", "vrsky-operator")["data"];
    let file: Value = serde_saphyr::from_str(config["operator.yaml"].as_str().unwrap()).unwrap();
    let authority = config["ca.crt"].as_str().unwrap();
    assert!(authority.starts_with("-----BEGIN"), "{authority}");
    assert_eq!(
        file,
        json!({
            "nats": {
                "url": "nats://vrsky-nats:4222",
                "namespace": "elsewhere",
                "replicas": 1,
                "server": {"storeDir": "/data", "maxFileStore": "100Gi", "maxMemoryStore": "16Gi"},
            },
            "runtime": {
                "image": "registry.example.com/mirror/vrsky/runtime@sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
                "imagePullPolicy": "Always",
                "imagePullSecrets": ["mirror"],
                "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "tolerations": [{"key": "tenants", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}],
                "priorityClassName": "tenants",
                "env": [{"name": "RUST_LOG", "value": "debug"}],
                "caCertificates": authority,
            },
            "webhooks": {
                "url": "https://hooks.example.com",
                "ingress": {
                    "className": "nginx",
                    "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1m"},
                    "tlsSecret": "hooks-tls",
                },
                "httpRoute": {
                    "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
                },
            },
        })
    );
}

#[test]
fn a_changed_configuration_restarts_the_operator_and_nothing_else_does() {
    let checksum = |arguments: &[&str]| {
        let objects = objects(arguments);
        let deployment = one(&objects, "Deployment", "vrsky-operator");
        deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"].clone()
    };
    let before = checksum(&[]);
    assert!(before.is_string());
    assert_ne!(
        before,
        checksum(&["--set", "webhooks.url=https://a.example"])
    );
    assert_eq!(before, checksum(&["--set", "alerts.enabled=true"]));
}

#[test]
fn the_production_servers_accept_their_configuration() {
    let path = program::repository().join("deploy/nats-production.yaml");
    let manifest = fs::read_to_string(path).unwrap();
    let objects = chart::documents(&manifest).unwrap();
    let text = one(&objects, "ConfigMap", "nats")["data"]["nats.conf"].clone();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = text.as_str().unwrap();
    let text = text.replace("/data", data.to_str().unwrap());
    fs::write(folder.path().join("nats.conf"), text).unwrap();
    let keys = Keys::generate().unwrap();
    let trust = ServerConfig::trust(&keys).unwrap();
    let check = |trust: &str| {
        fs::write(folder.path().join("accounts.conf"), trust).unwrap();
        std::process::Command::new(vrsky_broker::server::find_server().unwrap())
            .arg("-t")
            .arg("--config")
            .arg(folder.path().join("nats.conf"))
            .env("POD_NAME", "nats-0")
            .output()
            .unwrap()
    };
    let output = check(&trust);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!check("operator: nobody").status.success(), "it looks");
}

#[test]
fn alerts_are_about_metrics_that_exist() {
    let read = |page: &str| fs::read_to_string(program::repository().join(page)).unwrap();
    let pages = read("docs/runtime.md") + &read("docs/operations.md");
    let objects = objects(&["--set", "alerts.enabled=true"]);
    let rules = one(&objects, "PrometheusRule", "vrsky");
    let mut metrics = BTreeSet::new();
    for group in rules["spec"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(
                pages.contains(&format!("| `{name}` |")),
                "{name} is not explained"
            );
            let words = rule["expr"].as_str().unwrap();
            let words = words.split(|it: char| it != '_' && !it.is_ascii_alphanumeric());
            metrics.extend(
                words
                    .filter(|it| it.starts_with("vrsky_"))
                    .map(str::to_owned),
            );
        }
    }
    assert!(metrics.len() >= 8, "{metrics:?}");
    metrics.retain(|name| {
        let ends = ["`", "{"];
        !ends
            .iter()
            .any(|end| pages.contains(&format!("`{name}{end}")))
    });
    assert_eq!(metrics, BTreeSet::new(), "no page has them");
}
