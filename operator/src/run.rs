//! The life of the process.

use std::io;
use std::sync::Arc;

use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::{self, Config};
use crate::health::{self, Health};
use crate::leader;
use crate::operator::Operator;
use crate::options::{Command, Options};
use crate::warnings::{self, Asking, Question};
use crate::{own, ready, uninstall};

/// The process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// No way to the API server.
    #[error("cannot find the API server: {0}")]
    Client(Box<kube::Error>),
    /// Ports or signals are not to be had.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// The operator's own state.
    #[error(transparent)]
    Own(#[from] own::Error),
    /// Another operator leads: this one has to stop at once.
    #[error("the lease is lost; another operator goes on")]
    LeaseLost,
    /// Something is still there.
    #[error(transparent)]
    Uninstall(#[from] uninstall::Error),
    /// The product does not work.
    #[error(transparent)]
    Ready(#[from] ready::Error),
}

/// Operates until a signal (SIGTERM, SIGINT) comes.
pub async fn run(options: Options) -> Result<(), Error> {
    // One TLS stack for the API server and NATS; a second call finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_default()
        .await
        .map_err(|error| Error::Client(Box::new(error)))?;
    match options.command {
        Some(Command::UninstallCheck { purge }) => {
            return Ok(uninstall::check(&client, purge).await?);
        }
        Some(Command::ReadyCheck) => {
            return Ok(ready::check(&client, &options.namespace).await?);
        }
        None => {}
    }
    let config = Config::read(&options.config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let health = Arc::new(Health::default());
    let listener = TcpListener::bind(options.listen).await?;
    let pages = axum::serve(listener, health::pages(Arc::clone(&health)));
    let (questions, asked) = warnings::channel();
    let warning = match (options.warnings, &options.warnings_folder) {
        (Some(address), Some(folder)) => {
            let access = warnings::Access::read(folder)?;
            let listener = TcpListener::bind(address).await?;
            let asking = Asking {
                questions,
                health: Arc::clone(&health),
                client: client.clone(),
            };
            Some(warnings::serve(listener, access, asking))
        }
        _ => None,
    };
    let asked = warning.is_some().then_some(asked);
    let warning = async {
        match warning {
            Some(warning) => warning.await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = work(options, config, client, health, asked, stop) => result,
        result = pages => Ok(result?),
        () = warning => Ok(()),
    }
}

/// Waits for its turn, then operates until `stop`, and lets go of the lease.
async fn work(
    options: Options,
    config: Config,
    client: Client,
    health: Arc<Health>,
    asked: Option<mpsc::Receiver<Question>>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut stop = std::pin::pin!(stop);
    let me = &options.name;
    let mut leader = tokio::select! {
        leader = leader::lead(&client, &options.namespace, me) => leader,
        () = &mut stop => return Ok(()),
    };
    health.leads();
    let operating = async {
        let operator = Operator::new(config, client, &options.namespace, me, health).await?;
        operator.answering(asked).run().await;
        Ok(())
    };
    let result = tokio::select! {
        result = operating => result,
        () = leader.keep() => return Err(Error::LeaseLost),
        () = stop => Ok(()),
    };
    leader.release().await;
    result
}
