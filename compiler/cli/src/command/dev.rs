//! `vrsky dev`: run a folder of manifests here.

use crate::arguments;
use crate::dev;
use crate::output::{Exit, Screen};

pub(super) fn run(arguments: &arguments::Dev, screen: Screen) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(dev::run(arguments, screen));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result.map(|()| Exit::Fine)
}
