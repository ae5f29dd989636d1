//! What a Tenant says of compute binds every pod in its namespaces: what containers do not say is said
//! for them, what is too much is refused where its owner looks, and it goes when nobody asks for it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use serde_json::{Value, json};
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, condition};

const FLOW: &str = "
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: orders, namespace: acme}
spec:
  source: {connector: webhook, with: {path: /orders}}
  sinks: {printed: {connector: log}}
";

/// Server-side apply by an administrator, as a whole.
fn say(installed: &Installed, compute: &str) {
    let kubectl = installed.kubectl();
    let tenant = format!(
        "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {{name: acme}}\n\
         spec: {{namespaces: [acme]{compute}}}\n"
    );
    kubectl.apply(&tenant).unwrap();
}

/// How often the operator wrote an object.
fn written(installed: &Installed, object: &str) -> usize {
    let logs = ["logs", "-n", NAMESPACE, "deployment/vrsky-operator"];
    let logs = installed.kubectl().run(&logs).unwrap();
    let written = format!("\"event\":\"apply\",\"object\":\"{object}/acme/vrsky-tenant\"");
    logs.matches(&written).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn compute_of_a_tenant_binds_the_pods_in_its_namespaces() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let before = written(&installed, "LimitRange");
    installed.namespace("acme").unwrap();
    say(
        &installed,
        ", compute: {pods: 3, limits: {cpu: 2000m, memory: 1024Mi}, \
         container: {default: {cpu: 500m}, max: {memory: 512Mi}}}",
    );
    installed.ready("acme", "tenant/acme").await.unwrap();
    let quota = |hard: Value| {
        let quota = installed.until("acme", "resourcequota/vrsky-tenant", move |quota| {
            quota["spec"]["hard"] == hard
        });
        async { quota.await.unwrap() }
    };
    quota(json!({"pods": "3", "limits.cpu": "2", "limits.memory": "1Gi"})).await;
    let range = kubectl
        .get(&["-n", "acme", "limitrange/vrsky-tenant"])
        .unwrap();
    let limits = &range["spec"]["limits"][0];
    assert_eq!(limits["type"], "Container");
    assert_eq!(limits["default"]["cpu"], "500m");
    assert_eq!(limits["max"]["memory"], "512Mi");

    // The runtime says nothing of CPU.
    kubectl.apply(FLOW).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let runtime = "app.kubernetes.io/instance=vrsky-runtime";
    let pods = ["-n", "acme", "pods", "--selector", runtime];
    let pod = kubectl.get(&pods).unwrap();
    let container = &pod["items"][0]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["cpu"], "500m");

    // Nobody else changes it, and what somebody deleted is made again.
    let more = r#"{"spec":{"hard":{"pods":"100"}}}"#;
    let patch = ["patch", "resourcequota", "vrsky-tenant", "-n", "acme"];
    let patch: Vec<&str> = patch
        .into_iter()
        .chain(["--type=merge", "-p", more])
        .collect();
    let refused = kubectl.run(&patch).unwrap_err().to_string();
    assert!(refused.contains("VRSky operator owns"), "{refused}");
    let delete = ["delete", "resourcequota", "vrsky-tenant", "-n", "acme"];
    kubectl.run(&delete).unwrap();
    quota(json!({"pods": "3", "limits.cpu": "2", "limits.memory": "1Gi"})).await;
    // What the server wrote in its own notation is not taken for somebody's change.
    assert_eq!(written(&installed, "LimitRange") - before, 1);

    // No room for the pod that replaces a lost one: said where the flow's owner looks, and healed.
    say(&installed, ", compute: {pods: 0}");
    quota(json!({"pods": "0"})).await;
    kubectl
        .run(&["delete", "pods", "-n", "acme", "--selector", runtime])
        .unwrap();
    let told = installed.until("acme", "flow/orders", |flow| {
        let ready = condition(flow, "Ready");
        ready["status"] == "False" && ready["message"].to_string().contains("exceeded quota")
    });
    told.await.unwrap();
    say(&installed, ", compute: {pods: 2}");
    quota(json!({"pods": "2"})).await;
    // Kubernetes tries again after pauses that double up to a quarter of an hour, each event that it
    // could not act on counted; a change of the ReplicaSet makes it look at once.
    let look = [
        "annotate",
        "replicasets",
        "-n",
        "acme",
        "--selector",
        runtime,
    ];
    kubectl.run(&[&look[..], &["look=again"]].concat()).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();

    // A mistake changes nothing.
    say(
        &installed,
        ", compute: {pods: 5, container: {default: {cpu: '2'}, max: {cpu: '1'}}}",
    );
    let stalled = installed.until("acme", "tenant/acme", |tenant| {
        condition(tenant, "Stalled")["status"] == "True"
    });
    let stalled = stalled.await.unwrap();
    assert_eq!(stalled["status"]["diagnostics"][0]["code"], "VRS0214");
    quota(json!({"pods": "2"})).await;

    // Nobody asks for it any more.
    say(&installed, "");
    let none = installed.until("acme", "resourcequotas,limitranges", |list| {
        list["items"].as_array().is_some_and(Vec::is_empty)
    });
    none.await.unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    installed.clear().unwrap();
}
