//! What there is to choose.

use clap::{Parser, Subcommand};

use crate::{bench, chaos, cluster, demo, deny, docs, image, receiver, setup, test};

/// The developers' menu.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Menu {
    #[command(subcommand)]
    choice: Choice,
}

#[derive(Debug, Subcommand)]
enum Choice {
    /// The product at its main job, in front of your eyes (under 90 s after the build).
    Demo(demo::Arguments),
    /// Everything that must pass: what CI runs.
    Test,
    /// Install what demo and test need into the cache (nats-server, Kubernetes, GitHub's payloads).
    Setup,
    /// A Kubernetes of one node on this machine (root).
    #[command(subcommand)]
    Cluster(cluster::Choice),
    /// Container images, without a container engine.
    Image(image::Arguments),
    /// Rewrite the generated files: CRDs, plan snapshots of the examples.
    Docs,
    /// 100,000 messages, 20 times kill -9; or the operator, killed or refused at every write.
    Chaos(chaos::Arguments),
    /// Measure, print a table, and write docs/benchmarks.md.
    #[command(subcommand)]
    Bench(bench::Choice),
    /// Licences and advisories of all dependencies (cargo-deny).
    Deny,
    /// An HTTP server at 127.0.0.1:9000 that prints what arrives: the other end of the examples.
    Receiver(receiver::Arguments),
}

/// Does what was chosen.
pub(crate) fn run() -> anyhow::Result<()> {
    match Menu::parse().choice {
        Choice::Demo(arguments) => demo::run(&arguments),
        Choice::Test => test::run(),
        Choice::Setup => setup::run(),
        Choice::Cluster(choice) => cluster::run(&choice),
        Choice::Image(arguments) => image::run(&arguments),
        Choice::Docs => docs::run(),
        Choice::Chaos(arguments) => chaos::run(&arguments),
        Choice::Bench(choice) => bench::run(choice),
        Choice::Deny => deny::run(),
        Choice::Receiver(arguments) => receiver::run(&arguments),
    }
}
