//! The charts: Helm's own review, the plain manifests, and the pages that describe them, all generated
//! and compared. `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
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

/// One rule of a role: where, which resources, which names, which verbs.
type Right = (String, String, String, String);

/// The texts of a list.
fn words(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|it| it.as_str().unwrap()).collect()
}

/// All rules of the roles of `objects`, by the account or by who is meant.
fn rights(objects: &[Value]) -> BTreeMap<String, Vec<Right>> {
    let mut rights: BTreeMap<String, Vec<Right>> = BTreeMap::new();
    for role in objects {
        let place = match role["kind"].as_str() {
            Some("ClusterRole") => "everywhere".to_owned(),
            Some("Role") => format!("in {}", role["metadata"]["namespace"].as_str().unwrap()),
            _ => continue,
        };
        for rule in role["rules"].as_array().unwrap() {
            assert!(rule["nonResourceURLs"].is_null());
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    let resource = match group {
                        "" => resource.to_owned(),
                        group => format!("{resource}.{group}"),
                    };
                    let names = words(&rule["resourceNames"]).join(", ");
                    let verbs = words(&rule["verbs"]).join(", ");
                    rights
                        .entry(role["metadata"]["name"].as_str().unwrap().to_owned())
                        .or_default()
                        .push((place.clone(), resource, names, verbs));
                }
            }
        }
    }
    for list in rights.values_mut() {
        list.sort();
    }
    rights
}

#[test]
fn the_page_of_rights_is_the_charts() {
    let found = rights(&objects(&["--set", "purge=true"]));
    let mut page = "# Rights\n\nGenerated from the chart; `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites it. A change of this page is a change of what VRSky may do in a cluster: review it as such.\n".to_owned();
    let about = BTreeMap::from([
        (
            "vrsky-operator",
            "The operator. Admission policies bound it further: to objects with its own names and labels, outside the cluster's namespaces, and to metadata alone in what tenants wrote. `create` with a name holds for server-side apply, which names what it creates.",
        ),
        (
            "vrsky-uninstall",
            "A job before `helm uninstall`; `delete` only with `purge`.",
        ),
        ("vrsky-test", "The pod of `helm test`."),
        (
            "vrsky-view",
            "Included in `view`, and so in `edit` and `admin`.",
        ),
        ("vrsky-edit", "Included in `edit`, and so in `admin`."),
        ("vrsky-admin", "Included in `admin`."),
        (
            "vrsky-platform",
            "For platform administrators, bound by nobody but you.",
        ),
    ]);
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        about.keys().copied().collect()
    );
    for (role, list) in &found {
        let about = about[role.as_str()];
        let _ = write!(
            page,
            "\n## {role}\n\n{about}\n\n| where | resource | names | verbs |\n|---|---|---|---|\n"
        );
        for (place, resource, names, verbs) in list {
            let names = if names.is_empty() { "any" } else { names };
            let _ = writeln!(page, "| {place} | {resource} | {names} | {verbs} |");
        }
    }
    compare("docs/rbac.md", &page);
}

#[test]
fn nobody_gets_a_wildcard_and_secrets_are_named_one_by_one() {
    let found = rights(&objects(&["--set", "purge=true"]));
    let all = || {
        found
            .iter()
            .flat_map(|(role, list)| list.iter().map(move |it| (role, it)))
    };
    for (role, (_, resource, names, verbs)) in all() {
        let text = format!("{resource} {names} {verbs}");
        assert!(!text.contains('*'), "{role}: {text}");
        for verb in ["escalate", "bind", "impersonate"] {
            assert!(!verbs.contains(verb), "{role}: {text}");
        }
    }
    let secrets: Vec<String> = all()
        .filter(|(_, (_, resource, _, _))| resource == "secrets")
        .map(|(role, (place, _, names, verbs))| format!("{role} {place} [{names}] {verbs}"))
        .collect();
    assert_eq!(
        secrets,
        [
            "vrsky-operator everywhere [vrsky-runtime, vrsky-support] create, patch, delete",
            "vrsky-operator in vrsky-system [] create",
            "vrsky-operator in vrsky-system [vrsky-keys] get, update",
        ]
    );
    let bindings: BTreeSet<String> = objects(&["--set", "purge=true"])
        .iter()
        .filter(|it| it["roleRef"].is_object())
        .map(|it| {
            let subjects = it["subjects"].as_array().unwrap();
            let subjects: Vec<&str> = subjects
                .iter()
                .map(|it| it["name"].as_str().unwrap())
                .collect();
            format!(
                "{} -> {}",
                it["roleRef"]["name"].as_str().unwrap(),
                subjects.join(", ")
            )
        })
        .collect();
    let wanted = [
        "vrsky-operator -> vrsky-operator",
        "vrsky-test -> vrsky-test",
        "vrsky-uninstall -> vrsky-uninstall",
    ];
    assert_eq!(bindings, wanted.map(str::to_owned).into());
}

/// A value in one line, as YAML has it. The order of fields does not depend on how they were read.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{name}: {}", flow(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        value => value.to_string(),
    }
}

/// Rows of the table of values: name, default, description. Every value has a description, and every
/// description a value.
fn rows(path: &str, schema: &Value, value: &Value, table: &mut String) {
    let description = schema["description"].as_str().unwrap_or_default();
    assert!(!description.is_empty(), "{path} has no description");
    let free = schema["additionalProperties"] != json!(false);
    if schema["type"] != "object" || free || schema["properties"]["requests"].is_object() {
        let shown = match flow(value) {
            text if ["", "{}", "[]"].contains(&text.as_str()) => String::new(),
            text => format!("`{text}`"),
        };
        let description = description.replace('|', "\\|");
        let _ = writeln!(table, "| `{path}` | {shown} | {description} |");
        return;
    }
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let mut described = names(&schema["properties"]);
    described.remove("global");
    if path.ends_with(".affinity") {
        let _ = writeln!(table, "| `{path}` |  | {description} |");
        return;
    }
    assert_eq!(
        described,
        names(value),
        "the values and their schema at {path:?}"
    );
    for name in described {
        let path = [path, &name].into_iter().filter(|it| !it.is_empty());
        let path = path.collect::<Vec<_>>().join(".");
        rows(&path, &schema["properties"][&name], &value[&name], table);
    }
}

#[test]
fn the_page_of_values_is_the_charts() {
    let read = |file: &str| fs::read_to_string(chart::folder("vrsky").join(file)).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let mut table = "# Values of the chart\n\nGenerated from `charts/vrsky`; `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites it. [install.md](install.md) says which ones most clusters need.\n\n| value | default | |\n|---|---|---|\n".to_owned();
    rows("", &schema, &values, &mut table);
    compare("docs/values.md", &table);
}

#[test]
fn the_schema_closes_every_object_that_the_chart_reads_field_by_field() {
    fn look(path: &str, schema: &Value, open: &mut BTreeSet<String>) {
        if schema["type"] == "object" && schema["additionalProperties"] != json!(false) {
            open.insert(path.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            look(&format!("{path}.{name}"), property, open);
        }
        if schema["items"].is_object() {
            look(&format!("{path}[]"), &schema["items"], open);
        }
    }
    let text = fs::read_to_string(chart::folder("vrsky").join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut open = BTreeSet::new();
    look("", &schema, &mut open);
    // Labels and annotations have names of their own; the rest goes into pods as it is, and the API
    // server checks it.
    let allowed = [
        "nodeSelector",
        "annotations",
        "podAnnotations",
        "podLabels",
        "labels",
        "valueFrom",
        "nodeAffinity",
        "podAffinity",
        "podAntiAffinity",
        "topologySpreadConstraints[]",
        "global",
    ];
    open.retain(|path| !allowed.iter().any(|end| path.ends_with(end)));
    assert_eq!(open, BTreeSet::new());
}
