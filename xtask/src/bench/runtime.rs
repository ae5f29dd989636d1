//! JetStream in, filter and map, JetStream out: vrsky-runtime beside mq-bridge.

/// How much to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages of one run.
    #[arg(long, default_value_t = 500_000)]
    messages: u32,
    /// Runs of each runner.
    #[arg(long, default_value_t = 5)]
    runs: u32,
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let _ = arguments;
    Ok(())
}
