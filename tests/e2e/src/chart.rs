//! The product's charts, through Helm.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::cluster::Kubectl;
use crate::cluster::programs::TOOLS;
use crate::program;

/// The namespace of the product in tests, and in `deploy/vrsky.yaml`.
pub const NAMESPACE: &str = "vrsky-system";

/// The folder of one of the charts: `vrsky`, `vrsky-crds`.
pub fn folder(chart: &str) -> PathBuf {
    program::repository().join("charts").join(chart)
}

/// Gives a cluster our kinds, without Helm, and waits until it has them.
pub fn apply_kinds(kubectl: &Kubectl) -> anyhow::Result<()> {
    kubectl.apply_files(&folder("vrsky-crds").join("templates"))?;
    let all = ["--for=condition=Established", "crd", "--all"];
    kubectl.wait(&all, Duration::from_secs(30))
}

/// The pinned Helm. It reads no configuration of the user's.
pub fn helm() -> anyhow::Result<Command> {
    let mut command = Command::new(TOOLS.program("helm")?);
    for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
        command.env(name, std::env::temp_dir().join("vrsky-helm"));
    }
    Ok(command)
}

/// What a chart becomes with further arguments for `helm template`, such as `--values FILE`.
pub fn render(chart: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = helm()?
        .args(["template", "vrsky"])
        .arg(folder(chart))
        .args(["--namespace", NAMESPACE])
        .args(arguments)
        .output()
        .context("cannot start helm")?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("helm printed no UTF-8")
}

/// The documents of a manifest, empty ones left out.
pub fn documents(manifest: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(manifest)?;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}
