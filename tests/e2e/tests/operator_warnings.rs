//! `kubectl apply` prints what the compiler says, and refuses nothing.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write as _;
use std::process::Stdio;

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON, condition};

fn flow(name: &str, map: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: {name}, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /{name}}}
    contract: {{fields: {{id: string, total: number}}}}
  steps: [{{map: '{map}'}}]
  sinks: {{printed: {{connector: log}}}}
"
    )
}

/// What `kubectl apply` prints beside its result, which is success.
fn warnings(installed: &Installed, manifest: &str, more: &[&str]) -> String {
    let mut kubectl = installed.kubectl().command();
    kubectl.args(["apply", "-f", "-"]).args(more);
    let mut child = kubectl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(manifest.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_prints_what_the_compiler_says() {
    // Another provider may have been set: any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed
        .install(&["--set=admission.warnings.enabled=true"])
        .unwrap();
    installed.tenant("acme", "").unwrap();
    installed.ready("acme", "tenant/acme").await.unwrap();
    let right = flow("orders", r#". = {"id": .id, "total": .total}"#);
    let wrong = flow("orders", r#". = {"id": .id, "total": .totl}"#);

    // Nothing is stored by a dry run, nor remembered. The API server learns of webhooks in its own time.
    let dry = || {
        let said = warnings(&installed, &wrong, &["--dry-run=server"]);
        said.contains("Warning: error[VRS").then_some(said)
    };
    let said = vrsky_e2e::until(SOON, dry).await;
    let said = said.unwrap_or_else(|| panic!("no warning\n{}", installed.logs()));
    let place = "error[VRS0402] spec.steps[0].map";
    assert!(said.contains(place), "{said}");
    assert!(said.contains(".totl"), "{said}");
    assert_eq!(warnings(&installed, &right, &[]), "");
    installed.ready("acme", "flow/orders").await.unwrap();

    // Stored all the same: the status says it, too, and what ran keeps running.
    let said = warnings(&installed, &wrong, &[]);
    assert!(said.contains("Warning: error[VRS"), "{said}");
    let told = installed.until("acme", "flow/orders", |flow| {
        condition(flow, "Stalled")["status"] == "True"
    });
    assert_eq!(told.await.unwrap()["status"]["running"]["generation"], 1);

    // Every pod reaches the port; who does not know the path learns nothing.
    let address = installed.service(NAMESPACE, "vrsky-operator").unwrap();
    let address = address.replace("http://", "https://");
    let stranger = reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    for path in ["/warn", "/warn/", "/warn/guessed", "/explain/guessed"] {
        let answer = stranger.post(format!("{address}{path}")).body("{}");
        assert_eq!(answer.send().await.unwrap().status(), 404, "{path}");
    }

    // Who does not answer is not waited for.
    installed.scale_operator(0).unwrap();
    let selector = "--selector=app.kubernetes.io/name=vrsky-operator";
    let gone = ["-n", NAMESPACE, "--for=delete", "pod", selector];
    kubectl.wait(&gone, SOON).unwrap();
    assert_eq!(warnings(&installed, &right, &[]), "");
    installed.scale_operator(1).unwrap();

    // The certificate outlives upgrades.
    let secret = ["-n", NAMESPACE, "secret/vrsky-warnings"];
    let before = kubectl.get(&secret).unwrap()["data"].clone();
    installed
        .install(&["--set=admission.warnings.enabled=true"])
        .unwrap();
    assert_eq!(kubectl.get(&secret).unwrap()["data"], before);
    installed.ready("acme", "flow/orders").await.unwrap();
    installed.install(&[]).unwrap();
    installed.clear().unwrap();
}
