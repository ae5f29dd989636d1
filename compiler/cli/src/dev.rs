//! `vrsky dev`: a folder of manifests, running on this machine.
//!
//! ```text
//! save ──► load ──► compile ──► broker.apply ──► runtimes report ──► "in effect after n ms"
//! ```
//!
//! How it stops: a signal cancels whatever is under way; runtimes get SIGTERM and drain, then the
//! server is asked to finish. Both waits are bounded. Killed with -9, it leaves its children running;
//! the next start on the same folder ends them first, by the pids in `.vrsky/state.json`.

mod blame;
mod console;
mod event;
mod load;
mod pending;
pub(crate) mod process;
mod runtime;
mod secrets;
mod session;
pub(crate) mod state;
mod table;
mod watch;

pub(crate) use runtime::creds_file;

use std::time::Instant;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments;
use crate::output::Screen;
use session::Session;

/// Runs until Ctrl-C or SIGTERM.
pub(crate) async fn run(arguments: &arguments::Dev, screen: Screen) -> anyhow::Result<()> {
    let began = Instant::now();
    let root = arguments
        .path
        .canonicalize()
        .with_context(|| format!("cannot read {}", arguments.path.display()))?;
    anyhow::ensure!(
        root.is_dir(),
        "{} is not a folder; `vrsky dev` runs a folder of manifests",
        root.display()
    );
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut stop = std::pin::pin!(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    });
    let started = tokio::select! {
        session = Session::start(&root, arguments, screen, began) => session,
        () = &mut stop => return Ok(()),
    };
    let mut session = started?;
    let result = tokio::select! {
        result = session.serve() => result,
        () = &mut stop => Ok(()),
    };
    session.end().await;
    result
}
