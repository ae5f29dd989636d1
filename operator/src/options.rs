//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Makes what tenants commit true in NATS and Kubernetes, and writes status back.
#[derive(Clone, Debug, Parser)]
#[command(name = "vrsky-operator", version, about)]
pub struct Options {
    /// The configuration file.
    #[arg(long, env = "VRSKY_CONFIG", default_value = "/etc/vrsky/operator.yaml")]
    pub config: PathBuf,
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "VRSKY_LISTEN", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Where the API server asks what is wrong, over TLS: for warnings at `kubectl apply`, and for Flux's
    /// Kustomizations. Without it, nobody is asked.
    #[arg(long, env = "VRSKY_WARNINGS", requires = "warnings_folder")]
    pub warnings: Option<SocketAddr>,
    /// The folder of `tls.crt`, `tls.key`, and `path`: a word that only the API server knows.
    #[arg(long, env = "VRSKY_WARNINGS_FOLDER", value_name = "FOLDER")]
    pub warnings_folder: Option<PathBuf>,
    /// The operator's own namespace.
    #[arg(long, env = "VRSKY_NAMESPACE", default_value = "vrsky-system")]
    pub namespace: String,
    /// The name of this process, unique among the operators of a cluster.
    #[arg(long, env = "POD_NAME", default_value = "vrsky-operator")]
    pub name: String,
    /// Something else than operating.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Something else than operating.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Refuses to uninstall while there are resources of VRSky: exits with 1 and names them.
    UninstallCheck {
        /// Deletes them instead, and waits until everything of theirs is gone.
        #[arg(long)]
        purge: bool,
    },
    /// Says whether the product that was installed works: exits with 1 and says what is amiss.
    ReadyCheck,
}
