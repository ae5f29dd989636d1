//! `helm test` passes where the product works, and says what is amiss where it does not.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::process::Command;

use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::program;

/// What its pod said last.
fn said(installed: &Installed) -> String {
    let logs = ["logs", "-n", NAMESPACE, "pod/vrsky-test"];
    let logs = installed.kubectl().run(&logs);
    logs.unwrap_or_else(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_test_says_whether_the_product_works() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.test().unwrap();
    let left = "pods,serviceaccounts,roles,rolebindings";
    let selector = "--selector=app.kubernetes.io/name=vrsky-test";
    let left = kubectl.get(&["-n", NAMESPACE, left, selector]).unwrap();
    assert_eq!(left["items"], serde_json::json!([]), "{left:#}");

    // So does the preflight, which asks the operator of NATS.
    let preflight = Command::new(program::vrsky().unwrap())
        .args(["check", "--pre", "--kubeconfig"])
        .arg(kubectl.kubeconfig())
        .output()
        .unwrap();
    let passed = String::from_utf8_lossy(&preflight.stdout);
    assert!(preflight.status.success(), "{passed}");
    assert!(passed.contains("✔ NATS: nats-server 2."), "{passed}");

    // It waits for something.
    let nowhere = "--set=nats.url=nats://vrsky-nowhere.vrsky-system.svc:4222";
    installed.upgrade(&[nowhere]).unwrap();
    let fails = || {
        installed.test().err()?;
        let said = said(&installed);
        said.contains("waiting for NATS").then_some(())
    };
    let failed = vrsky_e2e::until(SOON, fails).await;
    failed.unwrap_or_else(|| panic!("{}\n{}", said(&installed), installed.logs()));

    // There is none.
    installed.scale_operator(0).unwrap();
    let fails = || {
        installed.test().err()?;
        said(&installed)
            .contains("no pod of the operator")
            .then_some(())
    };
    let failed = vrsky_e2e::until(SOON, fails).await;
    failed.unwrap_or_else(|| panic!("{}", said(&installed)));

    installed.scale_operator(1).unwrap();
    installed.install(&[]).unwrap();
    installed
        .rolled_out(NAMESPACE, "deployment/vrsky-operator")
        .unwrap();
    installed.test().unwrap();
    installed.clear().unwrap();
}
