//! What there is to choose.

use clap::{Parser, Subcommand};

use crate::{bench, chaos, demo, deny, docs, receiver, setup, test};

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
    /// Install what demo and test need into the cache (nats-server, GitHub's example payloads).
    Setup,
    /// Rewrite the generated files: CRDs, plan snapshots of the examples.
    Docs,
    /// 100,000 messages, 20 times kill -9.
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
        Choice::Docs => docs::run(),
        Choice::Chaos(arguments) => chaos::run(&arguments),
        Choice::Bench(choice) => bench::run(choice),
        Choice::Deny => deny::run(),
        Choice::Receiver(arguments) => receiver::run(&arguments),
    }
}
