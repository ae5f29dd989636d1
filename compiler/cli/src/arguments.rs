//! What the command line accepts. The texts here are the `--help` pages.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Integrations that are compiled: check, plan and run a folder of manifests.
#[derive(Debug, Parser)]
#[command(
    name = "vrsky",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  vrsky init shop && cd shop     start a repository
  vrsky check                    prove everything under this folder
  vrsky dev .                    run it here, without a cluster
  vrsky explain --list           every diagnostic, with its page

Exit codes: 0 all is well, 1 findings in manifests, 2 wrong usage or environment."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Text for people, or JSON for programs.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) output: Format,
    /// When to colour. `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Text for people, or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a folder a working repository: one tenant, one flow, a README.
    Init(Init),
    /// Write a new manifest that compiles.
    #[command(subcommand)]
    New(New),
    /// Compile manifests and print what is wrong with them.
    Check(Check),
    /// Print what the manifests become: accounts, streams, flows and their guarantees.
    Plan(Plan),
    /// Print the page of a diagnostic code.
    Explain(Explain),
    /// Run a folder of manifests on this machine, without a cluster.
    Dev(Dev),
    /// Look at dead letters, and send them on their way again.
    Dlq(Dlq),
    /// Say where in a cluster a flow is stuck: from the Flow to its pods.
    Trace(Trace),
    /// Say what waits in a cluster, flow by flow.
    Lag(Lag),
    /// Print what applying manifests to a cluster would change, and what becomes of pending messages.
    Diff(Diff),
    /// Let go of an object whose operator is gone for good.
    Finalize(Finalize),
    /// What a platform's administrator writes for a tenant.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Print a completion script for a shell.
    Completions(Completions),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky init             this folder
  vrsky init shop        a new folder

Writes vrsky.toml, .gitignore, README.md and manifests. Refuses to overwrite any of them.")]
pub(crate) struct Init {
    /// The folder; it is made if it does not exist.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum New {
    /// A flow: one source, one sink.
    Flow(NewFlow),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky new flow orders                                    webhook to log
  vrsky new flow heartbeat --source schedule --sink http
  vrsky new flow archive --source topic --sink file --tenant acme

Writes flows/NAME.yaml. A topic that the flow needs is written beside it.")]
pub(crate) struct NewFlow {
    /// The flow's name: lower-case letters, digits and `-`, at most 40 characters.
    pub(crate) name: String,
    /// Where messages come from.
    #[arg(long, value_enum, default_value_t = SourceKind::Webhook)]
    pub(crate) source: SourceKind,
    /// Where messages go.
    #[arg(long, value_enum, default_value_t = SinkKind::Log)]
    pub(crate) sink: SinkKind,
    /// The tenant. Default: the only one of the repository.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// The repository.
    #[arg(long, default_value = ".")]
    pub(crate) path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceKind {
    Webhook,
    Schedule,
    Generate,
    File,
    Topic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SinkKind {
    Http,
    File,
    Log,
    Topic,
}

/// Which manifests to read, and what to make of what cannot be proved.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Files and folders; `-` is standard input (rendered manifests).
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Findings that count as errors. May be given several times.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) deny: Vec<Deny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// References to tenants that this repository does not hold.
    Unverifiable,
    /// Edges to topics where each message has to be checked.
    Unproven,
    /// All warnings.
    Warnings,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky check                              all *.yaml and *.yml under this folder
  kustomize build overlays/prod | vrsky check -
  vrsky check --deny unverifiable,unproven --output json

  vrsky check --pre                        is this cluster fit for VRSky, and may I use it?

Hidden folders, target and node_modules are not read.")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Check the cluster instead of manifests: versions, kinds, your rights, the operator.
    #[arg(long, conflicts_with_all = ["paths", "deny"])]
    pub(crate) pre: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

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
  kubectl vrsky trace orders --output json

Follows a flow to what it needs: its conditions, connectors and topics, the Deployment, the pods.
Marks the first that fails, and says what to do. What you may not read is said to be so.
Exit code 1: something fails.")]
pub(crate) struct Trace {
    /// The flow: `flow/NAME`, or its name alone.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl vrsky lag -n acme
  kubectl vrsky lag flow/orders -n acme --output json
  kubectl vrsky lag -A

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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky plan                     a tree, per tenant
  vrsky plan --output json       the plan itself

Findings go to standard error, so that the plan can be piped on.")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) input: Input,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky explain VRS0201
  vrsky explain --list")]
pub(crate) struct Explain {
    /// The code, as printed in brackets.
    #[arg(required_unless_present = "list")]
    pub(crate) code: Option<String>,
    /// Print all codes with their headlines.
    #[arg(long, conflicts_with = "code")]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky dev .
  vrsky dev shop --listen 127.0.0.1:9000
  vrsky dev . --fresh            forget messages, keys and positions first

Saves take effect at once. A save that does not compile prints why; what ran keeps running.
Secrets: .vrsky/secrets.yaml (namespace: {name: {key: value}}), or the environment:
VRSKY_SECRET_<NAMESPACE>_<NAME>_<KEY>. State lies in .vrsky/ and survives a restart.")]
pub(crate) struct Dev {
    /// The folder of manifests.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Where webhooks are taken in: the first tenant's port, the others count up from it.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: std::net::SocketAddr,
    /// Forget the state of earlier runs: messages, dead letters, keys, ports.
    #[arg(long)]
    pub(crate) fresh: bool,
}

#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  vrsky dlq ls                             of the dev server of this folder
  vrsky dlq show acme 17
  vrsky dlq redrive acme 17
  vrsky dlq redrive acme --flow acme/orders --all
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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vrsky completions bash > ~/.local/share/bash-completion/completions/vrsky
  vrsky completions zsh > \"${fpath[1]}/_vrsky\"")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
