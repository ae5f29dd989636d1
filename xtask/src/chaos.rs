//! The long forms of tests that kill: of the story `kill_runtime`, and of the operator's crash points.

use crate::setup;
use crate::step::{self, cargo};

/// How hard.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Messages.
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
    /// Times that the runtime is killed with -9.
    #[arg(long, default_value_t = 20)]
    kills: u32,
}

/// What is killed, if it is not the runtime.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum What {
    /// The operator, before and after every write of every scenario; and the API server fails each.
    Operator,
}

/// Runs the test and shows what it saw.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    setup::nats_server()?;
    match arguments.what {
        Some(What::Operator) => operator(),
        None => runtime(arguments),
    }
}

fn operator() -> anyhow::Result<()> {
    let test = ["test", "--workspace", "--test", "crash", "--"];
    let points = ["points::", "--nocapture"];
    step::run(cargo(&[&test[..], &points].concat()).env("VRSKY_CRASH_POINTS", "all"))
}

/// The story and its ledger.
fn runtime(arguments: &Arguments) -> anyhow::Result<()> {
    step::build_product()?;
    step::run(
        cargo(&[
            "test",
            "--workspace",
            "--test",
            "kill_runtime",
            "--",
            "--nocapture",
        ])
        .env("VRSKY_MESSAGES", arguments.messages.to_string())
        .env("VRSKY_KILLS", arguments.kills.to_string()),
    )
}
