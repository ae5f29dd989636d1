//! A Kubernetes of our own, on two levels: [`Api`], an API server and etcd alone, for a test that
//! needs no pods; and [`Cluster`], one node with pods, services and names, for a story.
//!
//! Many [`Api`]s run beside each other, each ended when dropped. Of the cluster there is one on a
//! machine: it has addresses, routes and ports of its own. It outlives the process that brought it up
//! and ends by [`Cluster::down`], in whatever process; one that was left behind half is taken down by
//! the next [`Cluster::up`]. See `docs/cluster.md`.

mod api;
mod certificates;
mod client;
mod command;
mod daemon;
mod forward;
mod kubectl;
mod lock;
mod network;
mod node;
mod plane;
pub mod programs;

pub use api::Api;
pub use client::{Client, Watch};
pub use forward::Forward;
pub use kubectl::Kubectl;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;

use crate::cache;
use lock::Lock;

/// Names the kubeconfig of a cluster that stories use instead of ours.
pub const KUBECONFIG: &str = "VRSKY_KUBECONFIG";

/// The cluster that stories run on: ours, or the one that [`KUBECONFIG`] names.
#[derive(Debug)]
pub struct Cluster {
    kubectl: Kubectl,
    /// `None`: it is not ours.
    folder: Option<PathBuf>,
}

impl Cluster {
    /// Brings the cluster up, if it is not up already. Needs root.
    pub fn up() -> anyhow::Result<Self> {
        anyhow::ensure!(
            rustix::process::geteuid().is_root(),
            "the cluster needs root (network, containers): run this as root, or name another cluster's \
             kubeconfig in {KUBECONFIG}"
        );
        let _changing = Lock::take("cluster-change")?;
        let folder = folder()?;
        if !plane::is_ready(&folder) {
            node::down(&folder)?;
            if let Err(error) = node::up(&folder) {
                // What it said stays in its logs until the next try.
                let logs = folder.join("log");
                return Err(error.context(format!(
                    "the cluster did not come up, see {}",
                    logs.display()
                )));
            }
        }
        Self::ours(folder)
    }

    /// The cluster for stories, which share it one test binary after the other: this one has it until
    /// its process ends.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<(Cluster, Lock)> = OnceLock::new();
        static TAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one_at_a_time = TAKING
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((cluster, _)) = SHARED.get() {
            return Ok(cluster);
        }
        let lock = Lock::take("cluster-use")?;
        let cluster = Self::running()?;
        Ok(&SHARED.get_or_init(|| (cluster, lock)).0)
    }

    /// The cluster that runs.
    pub fn running() -> anyhow::Result<Self> {
        if let Some(kubeconfig) = std::env::var_os(KUBECONFIG) {
            return Ok(Self {
                kubectl: Kubectl::new(Path::new(&kubeconfig))?,
                folder: None,
            });
        }
        let folder = folder()?;
        anyhow::ensure!(
            plane::is_ready(&folder),
            "no cluster runs: bring it up with `cargo xtask cluster up`, or name another cluster's \
             kubeconfig in {KUBECONFIG}"
        );
        Self::ours(folder)
    }

    /// Ends our cluster, and what is left of one that ended otherwise.
    pub fn down() -> anyhow::Result<()> {
        let _changing = Lock::take("cluster-change")?;
        node::down(&folder()?)
    }

    /// Ends our cluster unless a story of another process is using it; whether it did.
    pub fn down_if_unused() -> anyhow::Result<bool> {
        let Some(_unused) = Lock::try_take("cluster-use")? else {
            return Ok(false);
        };
        Self::down()?;
        Ok(true)
    }

    /// The programs of our cluster that run, with pids.
    pub fn programs() -> anyhow::Result<Vec<(&'static str, u32)>> {
        Ok(node::running(&folder()?))
    }

    /// Its administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Loads an image, packed by [`crate::image`], under the name that it has. To a cluster that is not
    /// ours it does nothing: the images are there already, by whatever means that cluster has.
    pub fn load(&self, image: &Path) -> anyhow::Result<()> {
        match &self.folder {
            Some(folder) => node::load(folder, image),
            None => Ok(()),
        }
    }

    /// Gives an image that was loaded a further name, as if it had been pulled from there.
    pub fn tag(&self, image: &str, name: &str) -> anyhow::Result<()> {
        node::tag(self.our_folder()?, image, name)
    }

    /// Ends the API server as a crash would; etcd, the node and the pods go on.
    pub fn kill_api_server(&self) -> anyhow::Result<()> {
        daemon::kill(self.our_folder()?, "kube-apiserver")
    }

    /// Sends a container's process a signal, such as `SIGKILL`, by its id as Kubernetes writes it.
    pub fn signal(&self, container: &str, signal: &str) -> anyhow::Result<()> {
        node::signal(self.our_folder()?, container, signal)
    }

    /// Every status that was written since the cluster came up, as the API server's audit log has it:
    /// one JSON object a line (audit.k8s.io/v1, level `RequestResponse`).
    pub fn written_statuses(&self) -> anyhow::Result<String> {
        let log = node::audit(self.our_folder()?);
        std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))
    }

    /// Starts the API server again.
    pub fn start_api_server(&self) -> anyhow::Result<()> {
        node::plane(self.our_folder()?).start_api_server()
    }

    fn ours(folder: PathBuf) -> anyhow::Result<Self> {
        Ok(Self {
            kubectl: node::plane(&folder).kubectl()?,
            folder: Some(folder),
        })
    }

    fn our_folder(&self) -> anyhow::Result<&Path> {
        self.folder
            .as_deref()
            .with_context(|| format!("the cluster that {KUBECONFIG} names is not ours to break"))
    }
}

/// Where our cluster's state is.
fn folder() -> anyhow::Result<PathBuf> {
    Ok(cache::folder()?.join("cluster"))
}
