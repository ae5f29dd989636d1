//! Dead letters, of a dev server or of a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Access;

#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  vrsky dlq ls                             of the dev server of this folder
  vrsky dlq show acme 17
  vrsky dlq redrive acme 17
  vrsky dlq redrive acme --flow acme/orders --all
  vrsky dlq drop acme $(vrsky dlq ls acme -o name)
  vrsky dlq ls acme --nats nats://127.0.0.1:4222 --creds support.creds --tenant-id abc

  kubectl vrsky dlq ls -n acme             of the tenant whose namespace it is
  kubectl vrsky dlq redrive acme 17 -n acme

In a cluster it takes what the role `edit` has in the namespace: to read Secrets, and to exec into pods.
A dead letter is named by its tenant and its sequence number, as `ls` prints them."
)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    pub(crate) action: DlqAction,
    #[command(flatten)]
    pub(crate) server: DlqServer,
}

/// Which server to ask. Default: the dev server of `--path`; of `kubectl vrsky dlq`: the cluster.
#[derive(Debug, Args)]
pub(crate) struct DlqServer {
    /// The cluster, through the pod of a runtime. `kubectl vrsky dlq` does so anyway.
    #[arg(long, global = true, conflicts_with = "nats")]
    pub(crate) cluster: bool,
    /// The folder on which `vrsky dev` runs.
    #[arg(long, global = true, default_value = ".")]
    pub(crate) path: PathBuf,
    /// The address of another NATS server.
    #[arg(long, global = true, requires_all = ["creds", "tenant_id"], value_name = "URL")]
    pub(crate) nats: Option<String>,
    /// The file with the support credentials of the tenant there.
    #[arg(long, global = true, requires = "nats", value_name = "FILE")]
    pub(crate) creds: Option<PathBuf>,
    /// The tenant's id there.
    #[arg(long, global = true, requires = "nats", value_name = "ID")]
    pub(crate) tenant_id: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqAction {
    /// List dead letters, the oldest first.
    Ls {
        /// The tenant. Default: all of the dev server.
        tenant: Option<String>,
        /// Only this flow, `<namespace>/<name>`.
        #[arg(long)]
        flow: Option<String>,
        /// In a cluster: of all namespaces whose support you may be.
        #[arg(short = 'A', long, conflicts_with_all = ["tenant", "namespace", "nats"])]
        all_namespaces: bool,
        /// At most so many of a tenant.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Print one dead letter: why, where, and its payload.
    Show {
        /// The tenant.
        tenant: String,
        /// Its sequence number.
        sequence: u64,
    },
    /// Put dead letters back on the edge that they came from.
    Redrive(DlqSelection),
    /// Delete dead letters for good.
    Drop(DlqSelection),
}

#[derive(Debug, Args)]
pub(crate) struct DlqSelection {
    /// The tenant.
    pub(crate) tenant: String,
    /// Sequence numbers.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) sequences: Vec<u64>,
    /// All of the tenant, or of `--flow`.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only this flow, `<namespace>/<name>`.
    #[arg(long, requires = "all")]
    pub(crate) flow: Option<String>,
}
