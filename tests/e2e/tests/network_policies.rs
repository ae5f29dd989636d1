//! Who reaches whom, by the NetworkPolicies of the chart and of the operator: every pair of pods, judged
//! by an evaluator that is not ours (IBM's network-config-analyzer) from what the API server holds. The
//! test cluster stores policies and does not enforce them: this shows what they say, not that a network
//! plugin obeys.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::Installed;
use vrsky_e2e::{Folder, cache, warehouse};

/// Who reads acme's orders, and who has no business there.
const OTHERS: &str = r#"
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: orders, namespace: acme}
spec: {to: {tenant: globex}, topic: orders}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: fulfil, namespace: globex}
spec:
  source: {topic: acme/orders}
  sinks:
    warehouse: {connector: http, with: {url: "https://erp.globex.example:8443"}}
---
# Somebody else's pod in a tenant's namespace.
apiVersion: v1
kind: Pod
metadata: {name: stranger, namespace: acme, labels: {app: stranger}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  containers:
  - name: stranger
    image: localhost/pause:1
    imagePullPolicy: Never
    securityContext:
      allowPrivilegeEscalation: false
      runAsNonRoot: true
      runAsUser: 65532
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
"#;

/// What the evaluator calls everything outside of the cluster.
const WORLD: &str = "0.0.0.0-255.255.255.255";
const EVERYTHING: &str = "All connections";

/// What may reach whom, by the names of [`name`].
type Reach = BTreeMap<(String, String), BTreeSet<String>>;

/// A pod's name without what Kubernetes appends to it.
fn name(pod: &Value) -> String {
    let metadata = &pod["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap();
    let label = |name: &str| metadata["labels"][name].as_str();
    let app = label("app.kubernetes.io/name").or_else(|| label("k8s-app"));
    let app = app.or_else(|| label("app"));
    format!("{namespace}/{}", app.unwrap_or_else(|| panic!("{pod:#}")))
}

/// What the evaluator says of these objects.
fn evaluate(items: &[Value], names: &BTreeMap<String, String>) -> Reach {
    let folder = Folder::empty().unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    folder.write("cluster.yaml", &list.to_string()).unwrap();
    let python = cache::python("network-config-analyzer").unwrap();
    let output = Command::new(python.join("bin/nca"))
        .args(["--connectivity", "--return_0", "--output_endpoints=pods"])
        .args(["--output_format=txt_no_fw_rules", "--resource_list"])
        .arg(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{complaints}");
    let mut reach = Reach::new();
    for line in text.lines() {
        let Some((from, rest)) = line.split_once(" => ") else {
            continue;
        };
        let (to, connection) = rest.split_once(" : ").unwrap();
        let known = |it: &str| names.get(it).cloned().unwrap_or_else(|| it.to_owned());
        let both = (known(from), known(to));
        let connections = reach.entry(both).or_default();
        connections.insert(connection.trim().to_owned());
    }
    reach
}

fn ports(protocol: &str, ports: &str) -> String {
    format!("{{protocols:{protocol},dst_ports:{ports}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_of_pods_reaches_what_it_must_and_nothing_else() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.tenant("acme", "").unwrap();
    installed.tenant("globex", "").unwrap();
    kubectl.apply(warehouse::SHOP).unwrap();
    kubectl.apply(OTHERS).unwrap();
    installed.ready("acme", "flow/shop").await.unwrap();
    installed.ready("globex", "flow/fulfil").await.unwrap();

    let mut items = Vec::new();
    let mut names = BTreeMap::new();
    let all = kubectl.get(&["--all-namespaces", "namespaces,pods,networkpolicies"]);
    for item in all.unwrap()["items"].as_array().unwrap() {
        let ended = ["Succeeded", "Failed"].map(|it| json!(it));
        if item["kind"] == "Pod" {
            if ended.contains(&item["status"]["phase"])
                || !item["metadata"]["deletionTimestamp"].is_null()
            {
                continue;
            }
            let metadata = &item["metadata"];
            let full = [&metadata["namespace"], &metadata["name"]].map(|it| it.as_str().unwrap());
            assert!(names.insert(full.join("/"), name(item)).is_none());
        }
        items.push(item.clone());
    }
    let operator = format!("{NAMESPACE}/vrsky-operator");
    let nats = format!("{NAMESPACE}/nats");
    let [shop, fulfil, stranger] = [
        "acme/vrsky-runtime",
        "globex/vrsky-runtime",
        "acme/stranger",
    ];
    let dns = "kube-system/coredns";
    let pods: BTreeSet<&str> = names.values().map(String::as_str).collect();
    let ours = [operator.as_str(), &nats, shop, fulfil];
    let others = [stranger, dns];
    assert_eq!(pods, ours.into_iter().chain(others).collect());

    // Written down by hand: what the table in docs/operations.md says.
    let mut wanted = Reach::new();
    let mut reaches = |from: &str, to: &str, what: &[String]| {
        let both = (from.to_owned(), to.to_owned());
        wanted.insert(both, what.iter().cloned().collect());
    };
    let everything = [EVERYTHING.to_owned()];
    // Those that no policy of ours selects.
    let free = [stranger, dns, WORLD];
    for from in free.into_iter().chain([operator.as_str()]) {
        for to in free {
            if from != to {
                reaches(from, to, &everything);
            }
        }
        if from != operator {
            reaches(from, &operator, &[ports("TCP", "8081")]);
        }
        reaches(from, shop, &[ports("TCP", "8080-8081")]);
        reaches(from, fulfil, &[ports("TCP", "8081")]);
    }
    for client in [operator.as_str(), shop, fulfil] {
        reaches(client, &nats, &[ports("TCP", "4222")]);
    }
    for to in free {
        reaches(shop, to, &[ports("TCP, UDP", "53")]);
        reaches(fulfil, to, &[ports("TCP", "53,8443"), ports("UDP", "53")]);
    }
    let found = evaluate(&items, &names);
    let only = |here: &Reach, there: &Reach| -> Reach {
        let differs =
            |(both, what): &(&(String, String), &BTreeSet<String>)| there.get(*both) != Some(*what);
        let own = here.iter().filter(differs);
        own.map(|(both, what)| (both.clone(), what.clone()))
            .collect()
    };
    let differences = (only(&found, &wanted), only(&wanted, &found));
    assert_eq!(differences, (Reach::new(), Reach::new()), "found, wanted");
    let ends = pods.len() + 1;
    println!(
        "{ends} ends, {} pairs: {} may, {} may not",
        ends * (ends - 1),
        found.len(),
        ends * (ends - 1) - found.len()
    );

    // Without policies everybody reaches everybody: the evaluator saw them, and they made the difference.
    items.retain(|item| item["kind"] != "NetworkPolicy");
    let found = evaluate(&items, &names);
    assert_eq!(found.len(), ends * (ends - 1));
    assert!(
        found.values().all(|what| what.iter().eq([EVERYTHING])),
        "{found:#?}"
    );
    installed.clear().unwrap();
}
