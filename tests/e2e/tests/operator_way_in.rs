//! The way in from outside: an Ingress or an HTTPRoute for each webhook, where the platform asks for it,
//! that follows its flow. There is no controller of either in the test cluster: what is made is looked
//! at, not used.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use serde_json::json;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::cluster::programs::GATEWAY;
use vrsky_e2e::installed::{Installed, SOON, condition};

fn flow(name: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: {name}, namespace: acme}}
spec:
  source: {{connector: webhook, with: {{path: /in/{name}}}}}
  sinks: {{printed: {{connector: log}}}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_has_a_way_in_that_follows_it() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed
        .install(&[
            "--set=webhooks.url=https://hooks.example.com,webhooks.ingress.enabled=true",
            "--set=webhooks.ingress.className=nginx,webhooks.ingress.tlsSecret=hooks-tls",
        ])
        .unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&flow("orders")).unwrap();
    kubectl.apply(&flow("returns")).unwrap();
    let orders = installed.ready("acme", "flow/orders").await.unwrap();
    assert_eq!(
        orders["status"]["url"],
        "https://hooks.example.com/acme/in/orders"
    );
    installed.ready("acme", "flow/returns").await.unwrap();
    let wanted = |service: &str| {
        json!({
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["hooks.example.com"], "secretName": "hooks-tls"}],
            "rules": [{"host": "hooks.example.com", "http": {"paths": [{
                "path": "/acme/in/orders",
                "pathType": "Exact",
                "backend": {"service": {"name": service, "port": {"name": "http"}}},
            }]}}],
        })
    };
    let ingress = "ingress/vrsky-flow-orders";
    let has = |service: &'static str| {
        installed.until("acme", ingress, move |ingress| {
            ingress["spec"] == wanted(service)
        })
    };
    has("vrsky-runtime").await.unwrap();

    // Another tier has another Service.
    let tier = r#"{"spec":{"tier":"Dedicated"}}"#;
    kubectl
        .run(&["patch", "tenant", "acme", "--type=merge", "-p", tier])
        .unwrap();
    has("vrsky-flow-orders").await.unwrap();

    // Nobody else changes it, and what somebody deleted is made again.
    let class = r#"{"spec":{"ingressClassName":"other"}}"#;
    kubectl
        .run(&["patch", ingress, "-n", "acme", "--type=merge", "-p", class])
        .unwrap_err();
    kubectl.run(&["delete", ingress, "-n", "acme"]).unwrap();
    let all = installed.until("acme", "ingresses", |list| {
        list["items"].as_array().unwrap().len() == 2
    });
    all.await.unwrap();

    // It goes with its flow.
    kubectl
        .run(&["delete", "flow", "orders", "-n", "acme", "--timeout=60s"])
        .unwrap();
    let one = installed.until("acme", "ingresses", |list| {
        let names: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["metadata"]["name"].clone())
            .collect();
        names == [json!("vrsky-flow-returns")]
    });
    one.await.unwrap();

    // One that the API server refuses is said where its owner looks.
    installed
        .install(&[
            "--set=webhooks.url=https://hooks.example.com,webhooks.ingress.enabled=true",
            "--set=webhooks.ingress.annotations.not\\ a\\ name=x",
        ])
        .unwrap();
    let told = installed.until("acme", "flow/returns", |flow| {
        condition(flow, "Programmed")["reason"] == "WriteRefused"
    });
    let told = told.await.unwrap();
    let message = condition(&told, "Programmed")["message"].to_string();
    assert!(message.contains("not a name"), "{message}");
    // Without the option they go.
    installed.install(&[]).unwrap();
    installed.ready("acme", "flow/returns").await.unwrap();
    let none = installed.until("acme", "ingresses", |list| {
        list["items"].as_array().unwrap().is_empty()
    });
    none.await.unwrap();
    installed.clear().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_has_a_route_where_there_are_gateways() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&flow("orders")).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let arguments = [
        "--set=webhooks.url=https://hooks.example.com,webhooks.httpRoute.enabled=true",
        "--set=webhooks.httpRoute.parentRefs[0].name=public",
        "--set=webhooks.httpRoute.parentRefs[0].namespace=gateways",
    ];

    // There are none: the new operator says so, and what runs runs on.
    installed.upgrade(&arguments).unwrap();
    let selector = "--selector=app.kubernetes.io/name=vrsky-operator";
    let told = || {
        let pods = kubectl.get(&["-n", NAMESPACE, "pods", selector]).ok()?;
        let container = &pods["items"][0]["status"]["containerStatuses"][0];
        let states = [&container["state"], &container["lastState"]];
        let mut said = states.map(|state| state["terminated"]["message"].to_string());
        said.iter_mut()
            .find(|said| said.contains("install the Gateway API"))
            .map(std::mem::take)
    };
    let said = vrsky_e2e::until(SOON, told).await;
    said.unwrap_or_else(|| panic!("{}", installed.logs()));

    let module = GATEWAY.source("sigs.k8s.io/gateway-api").unwrap();
    let kinds = module.join("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml");
    kubectl.apply_files(&kinds).unwrap();
    installed
        .rolled_out(NAMESPACE, "deployment/vrsky-operator")
        .unwrap();
    let route = "httproute/vrsky-flow-orders";
    let made = installed.until("acme", "httproutes", |list| {
        list["items"].as_array().is_some_and(|all| all.len() == 1)
    });
    made.await.unwrap();
    let spec = kubectl.get(&["-n", "acme", route]).unwrap()["spec"].clone();
    assert_eq!(spec["parentRefs"][0]["name"], "public");
    assert_eq!(spec["parentRefs"][0]["namespace"], "gateways");
    assert_eq!(spec["hostnames"], json!(["hooks.example.com"]));
    let rule = &spec["rules"][0];
    assert_eq!(
        rule["matches"][0]["path"],
        json!({"type": "Exact", "value": "/acme/in/orders"})
    );
    assert_eq!(rule["backendRefs"][0]["name"], "vrsky-runtime");
    assert_eq!(rule["backendRefs"][0]["port"], 8080);

    // Nobody else changes it, what somebody deleted is made again, and without the option it goes.
    let other = r#"{"spec":{"hostnames":["other.example.com"]}}"#;
    kubectl
        .run(&["patch", route, "-n", "acme", "--type=merge", "-p", other])
        .unwrap_err();
    kubectl.run(&["delete", route, "-n", "acme"]).unwrap();
    let again = installed.until("acme", "httproutes", |list| {
        list["items"].as_array().is_some_and(|all| all.len() == 1)
    });
    again.await.unwrap();
    installed.install(&[]).unwrap();
    let none = installed.until("acme", "httproutes", |list| {
        list["items"].as_array().is_some_and(Vec::is_empty)
    });
    none.await.unwrap();

    // The next operator is not to look for them.
    kubectl
        .run(&["delete", "-f", kinds.to_str().unwrap()])
        .unwrap();
    let restart = [
        "rollout",
        "restart",
        "-n",
        NAMESPACE,
        "deployment/vrsky-operator",
    ];
    kubectl.run(&restart).unwrap();
    installed
        .rolled_out(NAMESPACE, "deployment/vrsky-operator")
        .unwrap();
    installed.clear().unwrap();
}
