//! Executes flow programs, given an address, credentials and a name.

use anyhow::Context as _;
use clap::Parser;
use vrsky_runtime::{Options, logs};

fn main() -> anyhow::Result<()> {
    // A command line of its own: nothing that a runtime is told means anything to it.
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("relay") {
        let url = words.next().context("vrsky-runtime relay URL")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let result = runtime.block_on(vrsky_runtime::relay::run(&url));
        // Standard input is read by a thread that nothing ends.
        runtime.shutdown_background();
        return result.with_context(|| format!("cannot relay to {url}"));
    }
    let options = Options::parse();
    logs::start();
    // One thread: the work is one connection's, and handing it between threads costs more than it gains.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(vrsky_runtime::run(options));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(result?)
}
