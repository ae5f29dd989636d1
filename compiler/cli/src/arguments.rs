//! What the command line accepts. The texts here are the `--help` pages.

mod cluster;
mod dlq;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use cluster::{Access, Bootstrap, Diff, Finalize, Lag, Tap, Tenant, Trace};
pub(crate) use dlq::{Dlq, DlqAction, DlqSelection, DlqServer};

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
    /// For people or for programs; with the names that kubectl has for it.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) output: Format,
    /// When to colour. `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    Human,
    /// The same, with more columns where there are more.
    Wide,
    /// One JSON document.
    Json,
    /// The same document as YAML.
    Yaml,
    /// Names alone, of commands that list: lag, diff, trace, dlq ls.
    Name,
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
    /// Look at messages on their way through a flow in a cluster, and leave a trace of it.
    Tap(Tap),
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
#[command(after_help = "\
Examples:
  vrsky completions bash > ~/.local/share/bash-completion/completions/vrsky
  vrsky completions zsh > \"${fpath[1]}/_vrsky\"")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
