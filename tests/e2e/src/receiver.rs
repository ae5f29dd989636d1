//! The other end of HTTP sinks: records what arrives, and fails, dawdles or throttles on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

/// A request that arrived and was answered with success.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// The query as sent.
    pub query: Option<String>,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: bytes::Bytes,
    /// When it arrived.
    pub at: Instant,
}

impl Request {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// How requests are answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// How long to think first.
    pub delay: Duration,
}

impl Answer {
    /// This status, at once.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            retry_after: None,
            delay: Duration::ZERO,
        }
    }
}

/// An HTTP server on a free port of 127.0.0.1. Ends when dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    refused: Mutex<Vec<Request>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    announce: bool,
}

impl Receiver {
    /// Starts one on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        Self::listen("127.0.0.1:0", false).await
    }

    /// Starts one on an address; `announce` prints each request.
    pub async fn listen(address: &str, announce: bool) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            announce,
            ..Shared::default()
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It only ends by being aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url,
            shared,
            server,
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, answers requests whose path starts with `path` like this.
    pub fn answer(&self, path: &str, answer: Answer) {
        lock(&self.shared.answers).insert(path.to_owned(), answer);
    }

    /// What was taken, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// What was taken under a path.
    pub fn at(&self, path: &str) -> Vec<Request> {
        let requests = lock(&self.shared.requests);
        requests
            .iter()
            .filter(|it| it.path == path)
            .cloned()
            .collect()
    }

    /// How many requests were taken under a path.
    pub fn count_at(&self, path: &str) -> usize {
        let requests = lock(&self.shared.requests);
        requests.iter().filter(|it| it.path == path).count()
    }

    /// The different values of a text field in what was taken under a path.
    pub fn ids(&self, path: &str, field: &str) -> BTreeSet<String> {
        let requests = lock(&self.shared.requests);
        requests
            .iter()
            .filter(|it| it.path == path)
            .filter_map(|it| Some(it.json()[field].as_str()?.to_owned()))
            .collect()
    }

    /// What was answered with an error.
    pub fn refused(&self) -> Vec<Request> {
        lock(&self.shared.refused).clone()
    }

    /// How many requests were taken.
    pub fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// Waits until at least `count` requests were taken under a path.
    pub async fn wait_at(
        &self,
        path: &str,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<Request>> {
        let found =
            crate::until(limit, || Some(self.at(path)).filter(|it| it.len() >= count)).await;
        found.ok_or_else(|| {
            anyhow::anyhow!(
                "{count} requests expected at {path} within {limit:?}, {} came",
                self.at(path).len()
            )
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 16 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body,
        at: Instant::now(),
    };
    if shared.announce {
        announce(&request);
    }
    let answer = answer(&shared, &request.path);
    tokio::time::sleep(answer.delay).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Recorded before the answer leaves: whoever sees the sink's success can count on it.
    let list = if status.is_success() {
        &shared.requests
    } else {
        &shared.refused
    };
    lock(list).push(request);
    let mut response = status.into_response();
    if let Some(seconds) = answer.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer of the longest path that was set.
fn answer(shared: &Shared, path: &str) -> Answer {
    lock(&shared.answers)
        .iter()
        .filter(|(prefix, _)| path.starts_with(prefix.as_str()))
        .max_by_key(|(prefix, _)| prefix.len())
        .map_or_else(|| Answer::status(200), |(_, answer)| answer.clone())
}

#[expect(
    clippy::print_stdout,
    reason = "`cargo xtask receiver` shows what arrives"
)]
fn announce(request: &Request) {
    println!(
        "{} {} {}",
        request.method,
        request.path,
        String::from_utf8_lossy(&request.body)
    );
}

/// A lock that a panicking test left behind is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
