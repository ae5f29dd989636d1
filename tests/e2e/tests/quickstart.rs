//! The README's commands for a cluster, word by word, in one that has what any has: a registry that
//! has the images, and a volume. Nothing is told to Helm that the README does not tell.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::cluster::Cluster;
use vrsky_e2e::cluster::programs::{KUBERNETES, TOOLS};
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::program;

/// The fence of the README that a comment marks.
fn commands() -> String {
    let readme = std::fs::read_to_string(program::repository().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- quickstart -->\n```\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A volume in `folder`, for whatever claims one first.
fn volume(folder: &Path) -> String {
    format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: vrsky-quickstart}}\nspec:\n  \
         capacity: {{storage: 12Gi}}\n  accessModes: [ReadWriteOnce]\n  \
         persistentVolumeReclaimPolicy: Retain\n  hostPath: {{path: {}}}\n",
        folder.display()
    )
}

/// Takes the product away, its namespace included, so that stories before and after do not meet.
struct Away(Installed);

impl Away {
    fn go(&self) -> anyhow::Result<()> {
        self.0.clear()?;
        self.0.uninstall()?;
        let kubectl = self.0.kubectl();
        let namespaces = ["delete", "namespace", NAMESPACE, "acme"];
        kubectl.run(&[&namespaces[..], &["--ignore-not-found", "--timeout=90s"]].concat())?;
        let volume = ["delete", "pv", "vrsky-quickstart", "--ignore-not-found"];
        kubectl.run(&volume).map(drop)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if let Err(error) = self.go() {
            eprintln!("the product stays: {error:#}\n{}", self.0.logs());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_running_flow() {
    // Outlives the server whose volume it is.
    let data = tempfile::Builder::new()
        .prefix("vrsky-quickstart-")
        .tempdir()
        .unwrap();
    let away = Away(Installed::fresh().await.unwrap());
    away.go().unwrap();
    let installed = &away.0;
    let kubectl = installed.kubectl();
    let version = chart::documents(&chart::render("vrsky", &[]).unwrap()).unwrap();
    let version = version
        .iter()
        .find_map(|it| it["metadata"]["labels"]["app.kubernetes.io/version"].as_str())
        .unwrap();
    for image in ["vrsky-operator", "vrsky-runtime", "nats-server"] {
        let published = format!("ghcr.io/vrsky/{image}:{version}");
        Cluster::tag(
            installed.cluster(),
            &format!("localhost/{image}:dev"),
            &published,
        )
        .unwrap();
    }
    // As a provisioner would hand it to the server's user.
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(data.path(), everybody).unwrap();
    kubectl.apply(&volume(data.path())).unwrap();

    let tools = [TOOLS.place().unwrap(), KUBERNETES.place().unwrap()];
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&path)));
    let script = format!("{}\nkill $!\n", commands());
    let mut helm = chart::helm().unwrap();
    let settings = helm.env("KUBECONFIG", kubectl.kubeconfig());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(program::repository())
        .envs(
            settings
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said}\n{complained}\n{}",
        installed.logs()
    );
    assert!(said.contains("HTTP/1.1 202"), "{said}\n{complained}");
    let printed = || {
        let log = ["-n", "acme", "logs", "deployment/vrsky-runtime"];
        let log = kubectl.run(&log).ok()?;
        log.contains(r#""fields":{"amount":19.9,"order":"A-1"}"#)
            .then_some(())
    };
    vrsky_e2e::until(SOON, printed)
        .await
        .expect("the order is in the log");
}
