//! The life of the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::{ConnectError, Connection, Refusal};
use crate::connectors;
use crate::flow::{Process, Webhooks};
use crate::health::Health;
use crate::options::Options;
use crate::programs;
use crate::secrets::Secrets;

/// The longest that the process takes to stop.
const STOPPING: Duration = Duration::from_secs(25);
/// Requests that were stored may take so long to be answered.
const ANSWERED: Duration = Duration::from_secs(2);

/// The process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to NATS.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Signals or the working directory are not to be had.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
    /// The port for the health of the process is not to be had.
    #[error(
        "cannot serve the health of the process on {address}: {source}; free it, or choose another with --health"
    )]
    Health {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The programs cannot be watched.
    #[error("cannot watch the programs: {0}")]
    Programs(String),
    /// It did not stop in good order: a second signal came, or time was up.
    #[error("stopped before everything was finished; the rest is delivered again")]
    Cut,
}

/// Executes the tenant's programs until a signal (SIGTERM, SIGINT) comes.
pub async fn run(options: Options) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let health = Health::new();
    if let Some(address) = options.health {
        let served = health.serve(address).await;
        served.map_err(|source| Error::Health { address, source })?;
    }
    let creds = options.creds.as_ref();
    let connection = tokio::select! {
        connection = Connection::open(&options.nats, creds, options.tenant_id.clone()) => connection?,
        () = either(&mut terminate, &mut interrupt) => return Ok(()),
    };
    health.connected(&connection);
    let stop = CancellationToken::new();
    let webhooks = Arc::new(Webhooks::new(options.listen, stop.clone()));
    let process = Process {
        connection,
        base: std::env::current_dir()?,
        secrets: Secrets::new(options.secrets),
        http: connectors::http_client(),
        webhooks: Arc::clone(&webhooks),
        health: health.clone(),
    };
    tracing::info!(event = "started", tenant = %options.tenant_id, process = process.connection.process());
    let work = async {
        programs::run(&process, &stop).await?;
        let _ = timeout(ANSWERED, webhooks.closed()).await;
        Ok(())
    };
    let cut = async {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!(event = "stopping");
        health.stopping();
        stop.cancel();
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => {}
            () = tokio::time::sleep(STOPPING) => {}
        }
    };
    let result = tokio::select! {
        result = work => result.map_err(|refusal: Refusal| Error::Programs(refusal.to_string())),
        () = cut => Err(Error::Cut),
    };
    tracing::info!(event = "stopped", orderly = result.is_ok());
    result
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
