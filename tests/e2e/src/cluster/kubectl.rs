//! `kubectl`, as one user of one cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::command::{output, output_of};
use super::programs::KUBERNETES;

/// A user of a cluster. Cloned at no cost; a file made for a user lives as long as its last clone.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    _made: Option<Arc<NamedTempFile>>,
}

impl Kubectl {
    /// The user of a kubeconfig.
    pub fn new(kubeconfig: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            program: KUBERNETES.program("kubectl")?,
            kubeconfig: kubeconfig.to_owned(),
            _made: None,
        })
    }

    /// The kubeconfig, for other clients.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The command itself, for what is not foreseen here.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }

    /// Runs it; what it printed, or what it complained of.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        output(self.command().args(arguments))
    }

    /// Applies manifests, as a user does.
    pub fn apply(&self, manifests: &str) -> anyhow::Result<String> {
        output_of(self.command().args(["apply", "-f", "-"]), manifests)
    }

    /// The same, for manifests that name no namespace.
    pub fn apply_in(&self, namespace: &str, manifests: &str) -> anyhow::Result<String> {
        let arguments = ["apply", "-n", namespace, "-f", "-"];
        output_of(self.command().args(arguments), manifests)
    }

    /// Applies the manifests of a file, or of a folder and those below it.
    pub fn apply_files(&self, path: &Path) -> anyhow::Result<String> {
        // By the server: what the client would note in an annotation is too long for a large CRD.
        let arguments = ["apply", "--server-side", "--recursive", "-f"];
        output(self.command().args(arguments).arg(path))
    }

    /// `kubectl get <arguments>` as JSON.
    pub fn get(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = output(
            self.command()
                .arg("get")
                .args(arguments)
                .args(["-o", "json"]),
        )?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    }

    /// `kubectl wait <arguments>`, at most for `limit`. What has to be waited for must exist, unless
    /// it is waited for with `--for=create`.
    pub fn wait(&self, arguments: &[&str], limit: Duration) -> anyhow::Result<()> {
        let timeout = format!("--timeout={}s", limit.as_secs());
        output(self.command().arg("wait").args(arguments).arg(timeout)).map(drop)
    }

    /// Another user of the same cluster, by impersonation: a name, and groups beside
    /// `system:authenticated`.
    pub fn as_user(&self, name: &str, groups: &[&str]) -> anyhow::Result<Self> {
        let mut groups = groups.to_vec();
        groups.push("system:authenticated");
        self.with_user(|user| {
            user["as"] = json!(name);
            user["as-groups"] = json!(groups);
        })
    }

    /// A person of the same cluster with one of the usual roles (`view`, `edit`, `admin`) in a
    /// namespace, by a binding of the person's name.
    pub fn as_person(&self, name: &str, role: &str, namespace: &str) -> anyhow::Result<Self> {
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": name, "apiGroup": group}],
        });
        self.apply(&binding.to_string())?;
        self.as_user(name, &[])
    }

    /// A service account of the same cluster, by a token of its own that is good for an hour.
    pub fn as_service_account(&self, namespace: &str, name: &str) -> anyhow::Result<Self> {
        let token = self.run(&["create", "token", name, "-n", namespace, "--duration=1h"])?;
        self.with_user(|user| *user = json!({"token": token.trim()}))
    }

    /// A kubeconfig with another user, in a file that only we can read.
    fn with_user(&self, change: impl FnOnce(&mut Value)) -> anyhow::Result<Self> {
        let arguments = ["config", "view", "--raw", "--minify", "--flatten"];
        let text = output(self.command().args(arguments).args(["-o", "json"]))?;
        let mut config: Value = serde_json::from_str(&text)?;
        let user = config
            .pointer_mut("/users/0/user")
            .context("the kubeconfig names no user")?;
        change(user);
        let mut file = tempfile::Builder::new()
            .prefix("vrsky-kubeconfig-")
            .tempfile()?;
        file.write_all(config.to_string().as_bytes())?;
        Ok(Self {
            program: self.program.clone(),
            kubeconfig: file.path().to_owned(),
            _made: Some(Arc::new(file)),
        })
    }
}
