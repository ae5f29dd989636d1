//! `kubectl apply` prints what the compiler says, and refuses nothing, but for what it is asked to.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write as _;
use std::process::Stdio;

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::warehouse;

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

    // Asked to, it refuses what no other object could cure. What is stored wrong may be edited still.
    let refusing = "--set=admission.warnings.enabled=true,admission.warnings.refuse=true";
    installed.install(&[refusing]).unwrap();
    let new = flow("returns", ". = {\"id\": .idd}");
    let is_refused = || kubectl.try_apply(&new).err();
    let refused = vrsky_e2e::until(SOON, is_refused).await.unwrap();
    let refused = refused.to_string();
    for part in [
        "denied the request: error[VRS0402] spec.steps[0].map: ",
        ".idd",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    let wrong_still = wrong.replace("spec:\n", "spec:\n  suspend: true\n");
    assert_ne!(warnings(&installed, &wrong_still, &[]), "");
    assert_eq!(warnings(&installed, &right, &[]), "");
    assert!(kubectl.try_apply(&wrong_still).is_err());
    // What another object could cure is stored, with a warning: a connector to come, and one that says
    // that `webhook` is something else here.
    let early = right.replace("connector: log", "connector: erp");
    let said = warnings(&installed, &early, &["--dry-run=server"]);
    assert!(said.contains("Warning: error[VRS0201]"), "{said}");
    let hiding = r"
apiVersion: vrsky.io/v1alpha1
kind: Connector
metadata: {name: webhook, namespace: acme}
spec: {from: webhook}
";
    warnings(&installed, hiding, &[]);
    let said = warnings(&installed, &new, &["--dry-run=server"]);
    assert!(said.contains("Warning: error[VRS0402]"), "{said}");
    kubectl
        .run(&["delete", "-n", "acme", "connector.vrsky.io/webhook"])
        .unwrap();

    // An editor of acme's changes nothing of globex: to them, what it shares is as it is. The platform's
    // people may bring another version of it a moment later.
    installed.tenant("globex", "").unwrap();
    kubectl.apply(warehouse::LEVELS).unwrap();
    let misfit = warehouse::reader(".idd != \"\"");
    let warned = || {
        let said = warnings(&installed, &misfit, &["--dry-run=server"]);
        said.contains("Warning: error[VRS0404]").then_some(())
    };
    assert_eq!(vrsky_e2e::until(SOON, warned).await, Some(()));
    let editor = kubectl.as_person("ann", "edit", "acme").unwrap();
    let refused = editor.try_apply(&misfit).unwrap_err().to_string();
    let place = "denied the request: error[VRS0404] spec.steps[0].filter: ";
    assert!(refused.contains(place), "{refused}");
    let fit = warehouse::reader(".id != \"\"");
    editor.apply(&fit).unwrap();
    installed.ready("acme", "flow/levels").await.unwrap();

    // Every pod reaches the port; who does not know the path learns nothing.
    let address = installed.service(NAMESPACE, "vrsky-operator").unwrap();
    let address = address.replace("http://", "https://");
    let stranger = reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    for path in ["/warn", "/warn/", "/warn/guessed"] {
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
