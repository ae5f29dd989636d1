//! Commands about a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which cluster, as kubectl is told. Default: the current context of the kubeconfig.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Access {
    /// The namespace. Default: that of the context.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig. Default: `KUBECONFIG`, then ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The namespace that VRSky is installed in.
    #[arg(
        long,
        global = true,
        default_value = "vrsky-system",
        value_name = "NAME"
    )]
    pub(crate) system: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky trace flow/orders -n acme
  kubectl describe -n acme $(kubectl vrsky trace orders -n acme -o name)
  kubectl vrsky trace -A

Follows a flow to what it needs: its conditions, connectors and topics, the Deployment, the pods.
Marks the first that fails, and says what to do. What you may not read is said to be so.
Of several flows one line each, with the first that fails.
Exit code 1: something fails.")]
pub(crate) struct Trace {
    /// The flow: `flow/NAME`, or its name alone. Default: all of the namespace.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "flow"])]
    pub(crate) all_namespaces: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky lag -n acme
  kubectl vrsky lag flow/orders -n acme --output json
  kubectl vrsky lag -A -o wide

Asks the runtimes, by way of the API server: you need `get` on pods/proxy, which the role `edit` has.
A flow at zero waits for nothing.")]
pub(crate) struct Lag {
    /// One flow: `flow/NAME`, or its name alone. Default: all of the namespace.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "flow"])]
    pub(crate) all_namespaces: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky tap flow/orders -n acme
  kubectl vrsky tap orders -n acme --edge sink-erp --count 3 --reveal

Shows what lies on the flow's edges, the oldest first, then what comes: a sample, since what is
finished between two looks is not seen. Nothing is taken away or held up. Of payloads only names and
types are shown, unless you ask for the values. An Event on the flow says first who looks, and at
what. It takes what the role `edit` has: to write Events, to read Secrets, and to exec into pods.")]
pub(crate) struct Tap {
    /// The flow: `flow/NAME`, or its name alone.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: String,
    /// Only this edge, as `lag` names it. Default: all of the flow.
    #[arg(long, value_name = "NAME")]
    pub(crate) edge: Option<String>,
    /// At most so many messages.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) count: u64,
    /// For so many seconds at most.
    #[arg(long = "for", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Show values.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky diff flows/
  kustomize build overlays/prod | kubectl vrsky diff -

The API server is asked what it would store (a dry run), so defaults and rights count; nothing is
written. What is not in the files is left alone, as `kubectl apply` does.
Exit code 1: there are differences.")]
pub(crate) struct Diff {
    /// Files and folders; `-` is standard input.
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky finalize flow/orders -n acme --force
  kubectl vrsky finalize tenant/acme --force

Only for an object that is being deleted while no operator runs, or will ever again. What the
operator would have removed from NATS stays there: streams, consumers, what waits in them.")]
pub(crate) struct Finalize {
    /// `flow/NAME`, `grant/NAME` or `tenant/NAME`.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: String,
    /// That you know what stays behind.
    #[arg(long, required = true)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Print what synchronises a tenant's repository, with no more rights than its people have.
    Bootstrap(Bootstrap),
}

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("by").required(true).args(["flux", "argocd"]),
    after_help = "\
Examples:
  vrsky tenant bootstrap acme --flux --repository https://git.example/acme.git | kubectl apply -f -
  vrsky tenant bootstrap acme --argocd --repository https://git.example/acme.git --path flows

Prints the namespace, the Tenant that binds it, a ServiceAccount with the rights of `edit` in it
(with --grants: of `admin`, which may share data with other tenants), and the objects of Flux or
Argo CD that act as it."
)]
pub(crate) struct Bootstrap {
    /// The tenant's name, and its namespace's.
    pub(crate) name: String,
    /// For Flux.
    #[arg(long)]
    pub(crate) flux: bool,
    /// For Argo CD.
    #[arg(long)]
    pub(crate) argocd: bool,
    /// The repository.
    #[arg(long, value_name = "URL")]
    pub(crate) repository: String,
    /// The branch.
    #[arg(long, default_value = "main")]
    pub(crate) branch: String,
    /// The folder in the repository.
    #[arg(long, default_value = ".")]
    pub(crate) path: String,
    /// Grants may be committed too.
    #[arg(long)]
    pub(crate) grants: bool,
}
