//! The one connection of the process, and requests to JetStream with a bound on every wait.

mod credentials;
mod denial;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Request, ServerError, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, timeout};
use vrsky_plan::{StreamName, TenantId};

pub(crate) use denial::Denials;

/// How long one answer of the server may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// The connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Client,
    tenant: TenantId,
    transit: StreamName,
    process: String,
    connects: watch::Receiver<u64>,
    denials: broadcast::Sender<Arc<str>>,
}

/// The process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file with the credentials cannot be used.
    #[error("cannot use the credentials {path}: {reason}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong, without its content.
        reason: String,
    },
    /// The server did not let us in for ten seconds.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// The address.
        address: String,
        /// Why, the last time.
        source: async_nats::ConnectError,
    },
}

/// What the server said to a request or an acknowledged publish, other than yes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no answer in time")]
    Unanswered,
    #[error("the stream is full")]
    Full,
    #[error("another revision came first")]
    Conflict,
    #[error("the message is too large")]
    TooLarge,
    #[error("not found")]
    NotFound,
    #[error("permission denied: {0}")]
    Denied(String),
    #[error("{0}")]
    Other(String),
}

#[derive(Deserialize)]
struct Answer {
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

impl Connection {
    /// Connects; tries for ten seconds. Afterwards the connection heals itself without limit.
    pub async fn open(
        address: &str,
        creds: Option<&PathBuf>,
        tenant: TenantId,
    ) -> Result<Self, ConnectError> {
        let (connected, connects) = watch::channel(0);
        let (denials, _) = broadcast::channel(64);
        let denied = denials.clone();
        let options = match creds {
            None => async_nats::ConnectOptions::new(),
            Some(path) => {
                credentials::options(path).map_err(|reason| ConnectError::Credentials {
                    path: path.clone(),
                    reason,
                })?
            }
        };
        let options = options
            .name("vrsky-runtime")
            .max_reconnects(None)
            .connection_timeout(Duration::from_secs(5))
            .request_timeout(Some(ANSWER))
            .ping_interval(Duration::from_secs(10))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis((50 << attempts.min(6)).min(2_000))
            })
            .event_callback(move |event| {
                observe(&event, &connected, &denied);
                async {}
            });
        let deadline = Instant::now() + Duration::from_secs(10);
        let client = loop {
            match options.clone().connect(address).await {
                Ok(client) => break client,
                Err(source) if Instant::now() > deadline => {
                    return Err(ConnectError::Unreachable {
                        address: address.to_owned(),
                        source,
                    });
                }
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        };
        Ok(Self {
            transit: tenant.transit_stream(),
            process: uuid::Uuid::now_v7().simple().to_string(),
            client,
            tenant,
            connects,
            denials,
        })
    }

    /// The client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whose flows run here.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The tenant's transit stream.
    pub(crate) fn transit(&self) -> &StreamName {
        &self.transit
    }

    /// This process, as leases and reports name it.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Changes at each new connection.
    pub(crate) fn connects(&self) -> watch::Receiver<u64> {
        self.connects.clone()
    }

    /// The publishes that the server denies from now on.
    pub(crate) fn denials(&self) -> Denials {
        Denials::new(&self.denials)
    }

    /// Asks; the answer is bounded by `limit`. Errors inside JetStream's answers are found too. A
    /// denied request fails at once: the server says so, but not as an answer.
    pub(crate) async fn ask(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
        limit: Duration,
    ) -> Result<Message, Refusal> {
        let mut request = Request::new().payload(payload).timeout(Some(limit));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let mut denials = self.denials();
        let asked = self.client.send_request(subject.clone(), request);
        let answer = tokio::select! {
            biased;
            answer = timeout(limit, asked) => answer,
            () = denials.of(&subject) => return Err(Refusal::Denied(subject)),
        };
        let answer =
            answer
                .map_err(|_| Refusal::Unanswered)?
                .map_err(|error| match error.kind() {
                    async_nats::RequestErrorKind::MaxPayloadExceeded => Refusal::TooLarge,
                    _ => Refusal::Unanswered,
                })?;
        check(&answer).map(|()| answer)
    }
}

/// Whether an answer of JetStream says yes.
pub(crate) fn check(answer: &Message) -> Result<(), Refusal> {
    match answer.status {
        None | Some(StatusCode::OK) => {}
        Some(StatusCode::NO_RESPONDERS) => return Err(Refusal::Unanswered),
        Some(StatusCode::NOT_FOUND) => return Err(Refusal::NotFound),
        Some(status) => return Err(Refusal::Other(format!("status {status}"))),
    }
    // The hot path: `{"stream":…,"seq":…}`. An error comes first, or after `type`.
    if answer.payload.starts_with(b"{\"stream\"") {
        return Ok(());
    }
    let Ok(Answer { error: Some(error) }) = serde_json::from_slice(&answer.payload) else {
        return Ok(());
    };
    Err(match error.err_code {
        10071 | 10164 => Refusal::Conflict,
        10054 => Refusal::TooLarge,
        // Store failures say in words that a limit is reached.
        10077 | 10002 | 10023 | 10047 => Refusal::Full,
        10014 => Refusal::NotFound,
        _ => Refusal::Other(error.description),
    })
}

fn observe(
    event: &async_nats::Event,
    connected: &watch::Sender<u64>,
    denied: &broadcast::Sender<Arc<str>>,
) {
    match event {
        async_nats::Event::Connected => {
            connected.send_modify(|count| *count += 1);
            tracing::info!(event = "connected");
        }
        async_nats::Event::Disconnected => tracing::warn!(event = "disconnected"),
        async_nats::Event::ServerError(ServerError::Other(text)) => {
            tracing::error!(event = "refused_by_server", error = %text);
            if let Some(subject) = denial::subject(text) {
                // Without a receiver nobody waits for it.
                let _ = denied.send(subject.into());
            }
        }
        other => tracing::warn!(event = "connection", what = %other),
    }
}
