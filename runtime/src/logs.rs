//! Where log lines go: standard error; JSON where no person looks. `RUST_LOG` filters them. No line
//! holds a payload or a secret.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for the process. A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,async_nats=error"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // The error says that a subscriber is already set: whoever set it wins.
    if std::io::stderr().is_terminal() {
        let _ = builder.try_init();
    } else {
        let _ = builder.json().flatten_event(true).try_init();
    }
}
