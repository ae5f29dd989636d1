//! The long form of the story `kill_runtime`.

use crate::setup;
use crate::step::{self, cargo};

/// How hard.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages.
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
    /// Times that the runtime is killed with -9.
    #[arg(long, default_value_t = 20)]
    kills: u32,
}

/// Runs the story and shows its ledger.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    setup::nats_server()?;
    step::build_product(&[])?;
    step::run(
        cargo(&[
            "test",
            "-p",
            "vrsky-e2e",
            "--test",
            "kill_runtime",
            "--",
            "--nocapture",
        ])
        .env("VRSKY_MESSAGES", arguments.messages.to_string())
        .env("VRSKY_KILLS", arguments.kills.to_string()),
    )
}
