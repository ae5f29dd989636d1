//! Flux's controllers, outside the cluster, as its developers run them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::cluster::programs::FLUX;
use vrsky_e2e::installed::SOON;

const MODULES: [&str; 2] = [
    "github.com/fluxcd/source-controller",
    "github.com/fluxcd/kustomize-controller",
];

/// source-controller and kustomize-controller. Dropped, they end, and their kinds go with all objects.
#[derive(Debug)]
pub(crate) struct Flux {
    kubectl: Kubectl,
    kinds: Vec<PathBuf>,
    folder: TempDir,
    // Ended after the kinds are gone: objects have finalizers that only these remove.
    _controllers: [Child; 2],
}

impl Flux {
    /// Installs the kinds and starts both, which are ready when it returns.
    pub(crate) async fn start(kubectl: &Kubectl) -> anyhow::Result<Self> {
        // Another provider may have been set: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut kinds = Vec::new();
        for module in MODULES {
            let folder = FLUX.source(module)?.join("config/crd/bases");
            kubectl.apply_files(&folder)?;
            kinds.push(folder);
        }
        let folder = tempfile::Builder::new().prefix("vrsky-flux-").tempdir()?;
        let storage = address()?;
        let data = folder.path().join("artifacts");
        std::fs::create_dir(&data)?;
        let keeps = [
            format!("--storage-path={}", data.display()),
            format!("--storage-addr={storage}"),
            format!("--storage-adv-addr={storage}"),
        ];
        let source = controller("source-controller", kubectl, folder.path(), &keeps).await?;
        let kustomize = controller("kustomize-controller", kubectl, folder.path(), &[]).await?;
        Ok(Self {
            kubectl: kubectl.clone(),
            kinds,
            folder,
            _controllers: [source, kustomize],
        })
    }

    /// What both said, for a person who wants to know why.
    pub(crate) fn logs(&self) -> String {
        ["source-controller", "kustomize-controller"]
            .map(|name| std::fs::read_to_string(log(self.folder.path(), name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Flux {
    fn drop(&mut self) {
        for kinds in &self.kinds {
            let mut command = self.kubectl.command();
            command.args(["delete", "--recursive", "--timeout=60s", "-f"]);
            match command.arg(kinds).output() {
                Ok(output) if output.status.success() => {}
                failed => eprintln!("Flux's kinds stay: {failed:?}\n{}", self.logs()),
            }
        }
    }
}

async fn controller(
    name: &str,
    kubectl: &Kubectl,
    folder: &Path,
    arguments: &[String],
) -> anyhow::Result<Child> {
    let health = address()?;
    let output = File::create(log(folder, name))?;
    let mut child = Command::new(FLUX.program(name)?)
        .args(arguments)
        .arg(format!("--health-addr={health}"))
        .args(["--metrics-addr=0", "--events-addr="])
        .args(["--enable-leader-election=false"])
        .env("KUBECONFIG", kubectl.kubeconfig())
        .env("RUNTIME_NAMESPACE", "flux-system")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let url = format!("http://{health}/readyz");
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let answer = reqwest::get(&url).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(child);
        }
        let ended = child.try_wait()?;
        anyhow::ensure!(
            ended.is_none() && tokio::time::Instant::now() < end,
            "{name} does not get ready ({ended:?}): {}",
            std::fs::read_to_string(log(folder, name))?
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// An address at which nobody listens.
fn address() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}
