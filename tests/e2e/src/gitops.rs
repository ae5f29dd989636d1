//! Programs of other projects that bring manifests from Git into the cluster: outside of it, as their
//! developers run them.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cluster::Kubectl;
use crate::installed::SOON;
use crate::poster::Poster;
use crate::{Answer, Installed, Receiver, Repository, program, warehouse};

/// Programs that work together on kinds of theirs. Dropped, their kinds go with all objects, and then
/// they end: objects may have finalizers that only these remove.
#[derive(Debug)]
pub struct Controllers {
    kubectl: Kubectl,
    kinds: Vec<PathBuf>,
    programs: Vec<(String, Child)>,
    folder: TempDir,
}

impl Controllers {
    /// None yet. Installs the kinds: files, or folders of them.
    pub fn of(kubectl: &Kubectl, kinds: Vec<PathBuf>) -> anyhow::Result<Self> {
        // Another provider may have been set: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for kind in &kinds {
            kubectl.apply_files(kind)?;
        }
        Ok(Self {
            kubectl: kubectl.clone(),
            kinds,
            programs: Vec::new(),
            folder: tempfile::Builder::new().prefix("vrsky-gitops-").tempdir()?,
        })
    }

    /// For what they keep.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts one more of them.
    pub fn start(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        let output = File::create(self.log(name))?;
        let child = command
            .env("KUBECONFIG", self.kubectl.kubeconfig())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}: run `cargo xtask setup`"))?;
        self.programs.push((name.to_owned(), child));
        Ok(())
    }

    /// Waits until one of them says at this URL that it is ready.
    pub async fn ready(&mut self, url: &str) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let answer = reqwest::get(url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let mut ended = false;
            for (_, child) in &mut self.programs {
                ended |= child.try_wait()?.is_some();
            }
            anyhow::ensure!(
                !ended && tokio::time::Instant::now() < end,
                "{url} does not get ready (has one ended: {ended}):\n{}",
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What all said, for a person who wants to know why.
    pub fn logs(&self) -> String {
        let names = self.programs.iter().map(|(name, _)| name);
        names
            .map(|name| std::fs::read_to_string(self.log(name)).unwrap_or_default())
            .collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.log"))
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        for kinds in &self.kinds {
            let mut command = self.kubectl.command();
            command.args(["delete", "--recursive", "--timeout=60s", "-f"]);
            match command.arg(kinds).output() {
                Ok(output) if output.status.success() => {}
                failed => tell(&format!("kinds stay: {failed:?}\n{}", self.logs())),
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "for whoever reads a test's output")]
fn tell(words: &str) {
    eprintln!("{words}");
}

/// A repository of acme's, the cluster that it is brought into, and the warehouse that its flow
/// `/orders` delivers to.
#[derive(Debug)]
pub struct Scene {
    /// The product.
    pub installed: Installed,
    /// The warehouse, which takes everything.
    pub receiver: Receiver,
    /// The repository, empty.
    pub repository: Repository,
}

impl Scene {
    /// Before anything is pushed.
    pub async fn fresh() -> anyhow::Result<Self> {
        let installed = Installed::fresh().await?;
        let receiver = Receiver::listen(&installed.host(), false).await?;
        receiver.answer(warehouse::PATH, Answer::status(200));
        Ok(Self {
            installed,
            receiver,
            repository: Repository::serve().await?,
        })
    }

    /// Applies what synchronises the repository.
    pub fn synchronise(&self, sync: &str) -> anyhow::Result<()> {
        let kubectl = self.installed.kubectl();
        kubectl.apply(sync)?;
        // So that the next story clears it away, whatever happens to this one.
        kubectl.run(&["label", "namespace", "acme", "vrsky.io/story=true"])?;
        Ok(())
    }

    /// Posts orders; all since the first arrive, each as the first version of the flow has it.
    pub async fn pass(&self, orders: Range<u32>) -> anyhow::Result<()> {
        let service = self.installed.service("acme", "vrsky-runtime")?;
        let poster = Poster::to(format!("{service}/acme/orders"));
        let all = 0..orders.end;
        warehouse::post(&poster, orders).await?;
        warehouse::arrived(&self.installed, &self.receiver, warehouse::PATH, all).await?;
        let mut arrived = self.receiver.at(warehouse::PATH).into_iter();
        let other = arrived.find(|it| it.json()["version"] != 1);
        anyhow::ensure!(other.is_none(), "another version: {other:?}");
        Ok(())
    }
}

/// What `vrsky tenant bootstrap acme` prints for `by` (`--flux`, `--argocd`) and a repository.
pub fn bootstrap(by: &str, repository: &Repository) -> anyhow::Result<String> {
    let output = std::process::Command::new(program::vrsky()?)
        .args(["tenant", "bootstrap", "acme", by, "--repository"])
        .arg(repository.url())
        .output()?;
    anyhow::ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}
