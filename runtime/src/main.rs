//! Executes flow programs, given an address, credentials and a name.

use clap::Parser;
use vrsky_runtime::{Options, logs};

fn main() -> anyhow::Result<()> {
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
