//! The API server alone: it takes the kinds, refuses what their rules forbid, knows who asks, and
//! survives its own death; and two of them do not know each other.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use serde_json::Value;
use vrsky_e2e::chart;
use vrsky_e2e::cluster::{Api, Kubectl};

const ORDERS: &str = r"
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: orders, namespace: acme}
spec:
  contract: {fields: {id: string}}
";

/// Like [`ORDERS`], with both of two fields that exclude each other.
const TWO_CONTRACTS: &str = r"
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: both, namespace: acme}
spec:
  contract: {fields: {id: string}, schema: {type: object}}
";

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    let names = items.iter().map(|it| it["metadata"]["name"].as_str());
    names.map(Option::unwrap).collect()
}

/// The product's kinds, and a namespace.
fn furnish(kubectl: &Kubectl) {
    chart::apply_kinds(kubectl).unwrap();
    kubectl.run(&["create", "namespace", "acme"]).unwrap();
}

#[test]
fn the_kinds_apply_and_their_rules_hold() {
    let api = Api::start().unwrap();
    let kubectl = api.kubectl();
    furnish(kubectl);
    assert_eq!(names(&kubectl.get(&["crd"]).unwrap()).len(), 5);

    kubectl.apply(ORDERS).unwrap();
    let refused = kubectl.apply(TWO_CONTRACTS).unwrap_err().to_string();
    assert!(
        refused.contains("exactly one of fields and schema"),
        "{refused}"
    );
    let topics = kubectl.get(&["topics", "-A"]).unwrap();
    assert_eq!(names(&topics), ["orders"]);

    // A death of the server loses nothing: etcd has it.
    api.kill_server().unwrap();
    assert!(kubectl.get(&["topics", "-A"]).is_err());
    api.start_server().unwrap();
    assert_eq!(kubectl.get(&["topics", "-A"]).unwrap(), topics);
}

#[test]
fn who_asks_decides_what_is_allowed() {
    let api = Api::with_controllers().unwrap();
    let kubectl = api.kubectl();
    furnish(kubectl);
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl.run(&["label", "namespace", "acme", label]).unwrap();
    kubectl
        .run(&["create", "serviceaccount", "robot", "-n", "acme"])
        .unwrap();

    let alice = kubectl.as_user("alice", &["developers"]).unwrap();
    let robot = kubectl.as_service_account("acme", "robot").unwrap();
    for (who, name) in [
        (&alice, "alice"),
        (&robot, "system:serviceaccount:acme:robot"),
    ] {
        let me = who.run(&["auth", "whoami", "-o", "json"]).unwrap();
        let me: Value = serde_json::from_str(&me).unwrap();
        assert_eq!(me["status"]["userInfo"]["username"], name);
        let refused = who.apply(ORDERS).unwrap_err().to_string();
        assert!(refused.contains("forbidden"), "{refused}");
    }

    let role = [
        "create",
        "role",
        "topics",
        "-n",
        "acme",
        "--verb=get,list,create,patch",
    ];
    kubectl
        .run(&[&role[..], &["--resource=topics.vrsky.io"]].concat())
        .unwrap();
    let binding = [
        "create",
        "rolebinding",
        "topics",
        "-n",
        "acme",
        "--role=topics",
    ];
    let to = ["--group=developers", "--serviceaccount=acme:robot"];
    kubectl.run(&[&binding[..], &to].concat()).unwrap();
    alice.apply(ORDERS).unwrap();
    assert_eq!(
        names(&robot.get(&["topics", "-n", "acme"]).unwrap()),
        ["orders"]
    );

    // Pod security is enforced, though nothing would run the pod.
    let privileged = [
        "run",
        "root",
        "-n",
        "acme",
        "--image=localhost/any:1",
        "--privileged",
    ];
    let refused = kubectl.run(&privileged).unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");

    // The controllers end a namespace with what is in it.
    kubectl
        .run(&["delete", "namespace", "acme", "--timeout=60s"])
        .unwrap();
    assert!(names(&kubectl.get(&["topics", "-A"]).unwrap()).is_empty());
}

#[test]
fn two_stand_beside_each_other_and_end_alone() {
    let one = Api::start().unwrap();
    let other = Api::start().unwrap();
    one.kubectl().run(&["create", "namespace", "acme"]).unwrap();
    let namespaces = other.kubectl().get(&["namespaces"]).unwrap();
    assert!(!names(&namespaces).contains(&"acme"), "{namespaces}");

    let folder = one.folder().to_owned();
    let started = vrsky_e2e::process::with_argument(folder.to_str().unwrap());
    assert_eq!(started.len(), 2, "etcd and the API server");
    drop(one);
    let left = vrsky_e2e::process::with_argument(folder.to_str().unwrap());
    assert!(left.is_empty(), "{left:?}");
    assert!(!folder.exists());
    other.kubectl().get(&["namespaces"]).unwrap();
}
