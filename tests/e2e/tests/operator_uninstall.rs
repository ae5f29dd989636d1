//! Uninstalling refuses while anything of a user's is there; told to purge, it leaves nothing behind,
//! checked by listing everything.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::Installed;

const FLOW: &str = r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: ticks, namespace: acme}
spec:
  source: {connector: generate, with: {every: 1s}}
  sinks: {printed: {connector: log}}
";

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_refuses_or_leaves_nothing_behind() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(FLOW).unwrap();
    installed.ready("acme", "flow/ticks").await.unwrap();

    // Refused, and everything goes on.
    installed.uninstall().unwrap_err();
    installed.ready("acme", "flow/ticks").await.unwrap();
    let operator = kubectl.get(&["-n", NAMESPACE, "deployment", "vrsky-operator"]);
    assert_eq!(operator.unwrap()["status"]["availableReplicas"], 1);

    // Helm takes a refused uninstall for one that is under way: a rollback to what runs ends it.
    installed.rollback().unwrap();
    installed.install(&["--set=purge=true"]).unwrap();
    installed.uninstall().unwrap();
    let ours = "flows,grants,topics,connectors,tenants";
    let left = kubectl.get(&["--all-namespaces", ours]).unwrap();
    assert_eq!(left["items"], serde_json::json!([]));
    let made = "deployments,services,networkpolicies,poddisruptionbudgets,serviceaccounts,secrets,configmaps";
    let left = kubectl.get(&["-n", "acme", made]).unwrap();
    let left: Vec<&str> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap())
        // Kubernetes' own.
        .filter(|name| !["default", "kube-root-ca.crt"].contains(name))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let labelled = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,deployments,statefulsets,services,networkpolicies";
    let selector = "--selector=app.kubernetes.io/part-of=vrsky";
    let left = kubectl
        .get(&["--all-namespaces", labelled, selector])
        .unwrap();
    assert_eq!(left["items"], serde_json::json!([]), "{left:#}");

    // What must survive for a second life is there: the keys and the inventory.
    kubectl
        .get(&["-n", NAMESPACE, "secret", "vrsky-keys"])
        .unwrap();
    installed.install(&[]).unwrap();
    installed.clear().unwrap();
}
