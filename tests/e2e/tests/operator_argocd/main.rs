//! `git push` → Argo CD → Healthy; a broken commit makes the Application Degraded, says why, and what
//! ran keeps running; a revert heals it. A repository brings nothing but what its project admits, with
//! the rights of the tenant's ServiceAccount. With Argo CD's own programs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod argocd;

use serde_json::Value;
use vrsky_e2e::gitops::{self, Controllers, Scene};
use vrsky_e2e::{Installed, warehouse};

/// The Application of a story.
struct Application<'a> {
    installed: &'a Installed,
    argocd: &'a Controllers,
}

impl Application<'_> {
    /// Asks for a look at the repository, and waits until the Application is as `wanted`.
    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let annotate = [
            "annotate",
            "application/acme",
            "-n",
            argocd::NAMESPACE,
            "--overwrite",
        ];
        let refresh = ["argocd.argoproj.io/refresh=normal"];
        self.installed
            .kubectl()
            .run(&[&annotate[..], &refresh].concat())
            .unwrap();
        let found = self
            .installed
            .until(argocd::NAMESPACE, "application/acme", wanted)
            .await;
        found.unwrap_or_else(|error| panic!("{error}\n{}", self.argocd.logs()))
    }

    /// Waits until a commit is what is there, and its objects are as healthy as this.
    async fn is(&self, commit: &str, health: &str) -> Value {
        self.until(|it| {
            it["status"]["sync"]["status"] == "Synced"
                && it["status"]["sync"]["revision"] == commit
                && it["status"]["operationState"]["phase"] == "Succeeded"
                && it["status"]["health"]["status"] == health
        })
        .await
    }

    /// Waits until a commit could not be synchronised, which may be tried again: why, of all that was to
    /// be written.
    async fn failed(&self, commit: &str) -> String {
        let failed = self
            .until(|it| {
                let state = &it["status"]["operationState"];
                state["phase"] != "Succeeded"
                    && !state["finishedAt"].is_null()
                    && state["syncResult"]["revision"] == commit
            })
            .await;
        failed["status"]["operationState"].to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_runs_and_a_broken_commit_is_degraded() {
    let scene = Scene::fresh().await.unwrap();
    let (installed, repository) = (&scene.installed, &scene.repository);
    let kubectl = installed.kubectl();
    let argocd = argocd::start(kubectl).await.unwrap();
    let application = Application {
        installed,
        argocd: &argocd,
    };

    // Pushed: the Application is healthy, and by then messages flow.
    let first = warehouse::version(&scene.receiver, "1");
    let commit = repository.push("orders.yaml", &first).await.unwrap();
    let sync = gitops::bootstrap("--argocd", repository).unwrap();
    scene.synchronise(&sync).unwrap();
    application.is(&commit, "Healthy").await;
    scene.pass(0..100).await.unwrap();

    // A field that no contract declares: Degraded, with the diagnostic; the first version runs on.
    let wrong = warehouse::version(&scene.receiver, ".versoin");
    let commit = repository.push("orders.yaml", &wrong).await.unwrap();
    let degraded = application.is(&commit, "Degraded").await;
    let flow = &degraded["status"]["resources"][0];
    assert_eq!(flow["health"]["status"], "Degraded", "{degraded:#}");
    let message = flow["health"]["message"].as_str().unwrap();
    assert!(message.contains("versoin"), "{message}");
    scene.pass(100..200).await.unwrap();

    // Reverted: healed.
    let commit = repository.revert().await.unwrap();
    application.is(&commit, "Healthy").await;

    // A kind that the project does not admit, a namespace that it does not: neither is written.
    for (file, text, said) in [
        (
            "account.yaml",
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: eve, namespace: acme}}\n",
            "resource :ServiceAccount is not permitted in project acme",
        ),
        (
            "elsewhere.yaml",
            "{apiVersion: vrsky.io/v1alpha1, kind: Topic, metadata: {name: eve, namespace: default}, \
             spec: {contract: {fields: {id: string}}}}\n",
            "namespace default is not permitted in project",
        ),
    ] {
        let commit = repository.push(file, text).await.unwrap();
        let why = application.failed(&commit).await;
        assert!(why.contains(said), "{why}");
        for what in ["serviceaccount", "topic"] {
            let made = kubectl.run(&[
                "get",
                what,
                "--all-namespaces",
                "--field-selector=metadata.name=eve",
                "-o",
                "name",
            ]);
            assert_eq!(made.unwrap(), "");
        }
        let commit = repository.revert().await.unwrap();
        application.is(&commit, "Healthy").await;
    }

    // It has the rights of the tenant's ServiceAccount, and no others.
    let binding = ["-n", "acme", "rolebinding/argocd"];
    let mut lent = kubectl.get(&binding).unwrap();
    kubectl.run(&[&["delete"], &binding[..]].concat()).unwrap();
    let commit = repository.push("shop.yaml", warehouse::SHOP).await.unwrap();
    let why = application.failed(&commit).await;
    assert!(why.contains("system:serviceaccount:acme:argocd"), "{why}");
    lent["metadata"] = serde_json::json!({"name": "argocd", "namespace": "acme"});
    kubectl.apply(&lent.to_string()).unwrap();
    // What a commit takes away goes.
    let topics = || kubectl.get(&["-n", "acme", "topics"]).unwrap()["items"].clone();
    repository.revert().await.unwrap();
    let commit = repository.revert().await.unwrap();
    application.is(&commit, "Healthy").await;
    assert_eq!(topics().as_array().unwrap().len(), 1);
    let commit = repository.revert().await.unwrap();
    application.is(&commit, "Healthy").await;
    assert_eq!(topics(), serde_json::json!([]));

    let versions = scene.receiver.at(warehouse::PATH);
    assert!(versions.iter().all(|it| it.json()["version"] == 1));
    installed.install(&[]).unwrap();
    installed.clear().unwrap();
}
