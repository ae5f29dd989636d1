//! Argo CD's application controller and repo-server with their Redis, outside the cluster, as its
//! developers run them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::cluster::programs::ARGOCD;
use vrsky_e2e::installed::SOON;
use vrsky_e2e::program;

/// Where Argo CD looks for its objects.
pub(crate) const NAMESPACE: &str = "argocd";
const KINDS: [&str; 2] = ["application-crd.yaml", "appproject-crd.yaml"];

/// Argo CD. Dropped, it ends, and its kinds go with all objects.
#[derive(Debug)]
pub(crate) struct ArgoCd {
    kubectl: Kubectl,
    kinds: Vec<PathBuf>,
    folder: TempDir,
    _programs: [Child; 3],
}

impl ArgoCd {
    /// Installs the kinds, writes the settings that `docs/gitops.md` names, and starts it; it is ready
    /// when this returns.
    pub(crate) async fn start(kubectl: &Kubectl) -> anyhow::Result<Self> {
        // Another provider may have been set: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let manifests = ARGOCD.source("github.com/argoproj/argo-cd/v3")?;
        let kinds = KINDS.map(|kind| manifests.join("manifests/crds").join(kind));
        for kind in &kinds {
            kubectl.apply_files(kind)?;
        }
        settings(kubectl)?;
        let folder = tempfile::Builder::new().prefix("vrsky-argocd-").tempdir()?;
        let [redis, repositories, metrics, health] = ports()?;
        let mut command = Command::new("redis-server");
        let redis_program = start(
            command
                .args(["--port", &redis.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", ""]),
            "redis",
            folder.path(),
        )?;
        let redis = format!("--redis=127.0.0.1:{redis}");
        let repositories_port = format!("--port={repositories}");
        let serve = [
            redis.clone(),
            repositories_port,
            format!("--metrics-port={metrics}"),
            "--address=127.0.0.1".to_owned(),
            "--metrics-address=127.0.0.1".to_owned(),
            "--disable-tls".to_owned(),
        ];
        let repo_server = argocd("argocd-repo-server", kubectl, folder.path(), &serve)?;
        let control = [
            redis,
            format!("--namespace={NAMESPACE}"),
            format!("--repo-server=127.0.0.1:{repositories}"),
            "--repo-server-plaintext".to_owned(),
            format!("--metrics-port={health}"),
            // What a person sees in its dashboard is read from the Application.
            "--persist-resource-health".to_owned(),
        ];
        let controller = argocd(
            "argocd-application-controller",
            kubectl,
            folder.path(),
            &control,
        )?;
        let argocd = Self {
            kubectl: kubectl.clone(),
            kinds: kinds.to_vec(),
            folder,
            _programs: [controller, repo_server, redis_program],
        };
        for port in [metrics, health] {
            let url = format!("http://127.0.0.1:{port}/healthz");
            argocd.answers(&url).await?;
        }
        Ok(argocd)
    }

    /// What all said, for a person who wants to know why.
    pub(crate) fn logs(&self) -> String {
        [
            "redis",
            "argocd-repo-server",
            "argocd-application-controller",
        ]
        .map(|name| std::fs::read_to_string(log(self.folder.path(), name)).unwrap_or_default())
        .concat()
    }

    async fn answers(&self, url: &str) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + SOON;
        while !reqwest::get(url)
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            anyhow::ensure!(
                tokio::time::Instant::now() < end,
                "{url} does not answer:\n{}",
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

impl Drop for ArgoCd {
    fn drop(&mut self) {
        for kind in &self.kinds {
            let mut command = self.kubectl.command();
            command.args(["delete", "--timeout=60s", "-f"]);
            match command.arg(kind).output() {
                Ok(output) if output.status.success() => {}
                failed => eprintln!("Argo CD's kinds stay: {failed:?}\n{}", self.logs()),
            }
        }
    }
}

/// The settings of `docs/gitops.md`.
fn settings(kubectl: &Kubectl) -> anyhow::Result<()> {
    let health = std::fs::read_to_string(program::repository().join("charts/argocd/health.lua"))?;
    let customizations = json!({"vrsky.io/*": {"health.lua": health}});
    let metadata = |name: &str| {
        let labels = json!({"app.kubernetes.io/part-of": "argocd"});
        json!({"name": name, "namespace": NAMESPACE, "labels": labels})
    };
    let objects = [
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"vrsky.io/story": "true"}},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata("argocd-cm"),
            "data": {
                "application.sync.impersonation.enabled": "true",
                "resource.customizations": customizations.to_string(),
            },
        }),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("argocd-secret")}),
    ];
    for object in objects {
        kubectl.apply(&object.to_string())?;
    }
    Ok(())
}

fn argocd(
    name: &str,
    kubectl: &Kubectl,
    folder: &Path,
    arguments: &[String],
) -> anyhow::Result<Child> {
    let place = |name: &str| folder.join(name);
    for name in ["tls", "ssh", "plugins", "tmp"] {
        std::fs::create_dir_all(place(name))?;
    }
    let mut command = Command::new(ARGOCD.program("argocd")?);
    command
        .args(arguments)
        .env("ARGOCD_BINARY_NAME", name)
        .env("KUBECONFIG", kubectl.kubeconfig())
        // The cluster of the kubeconfig is the one that it would run in.
        .env("ARGOCD_FAKE_IN_CLUSTER", "true")
        .env("ARGOCD_CONTROLLER_SHARD", "0")
        .env("ARGOCD_GPG_ENABLED", "false")
        .env("ARGOCD_TLS_DATA_PATH", place("tls"))
        .env("ARGOCD_SSH_DATA_PATH", place("ssh"))
        .env("ARGOCD_PLUGINSOCKFILEPATH", place("plugins"))
        .env("TMPDIR", place("tmp"));
    start(&mut command, name, folder)
}

fn start(command: &mut Command, name: &str, folder: &Path) -> anyhow::Result<Child> {
    let output = File::create(log(folder, name))?;
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {name}: run `cargo xtask setup`"))
}

/// Ports at which nobody listens.
fn ports<const COUNT: usize>() -> anyhow::Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    let mut listeners = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}
