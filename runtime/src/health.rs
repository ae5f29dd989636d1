//! Whether the process lives, whether it is ready, and what it has counted: over HTTP, for Kubernetes
//! and Prometheus. Nothing here holds a payload or a secret.
//!
//! How it stops: last, with the process, so that a rollout sees `stopping` until the end.

mod metrics;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_nats::connection::State as Connected;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vrsky_plan::FlowId;
use vrsky_plan::report::{self, Backlog};

use crate::clock;
use crate::connection::Connection;
use crate::serving;
use crate::status::{Status, lock};

/// A loop that has not turned for so long has died or hangs. Stopping a source and its edges may take
/// half a minute.
const STALLED: Duration = Duration::from_mins(2);
/// Requests at a time: a kubelet and a scraper need no more.
const CONNECTIONS: usize = 16;

/// What the process says of itself. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started_ms: u64,
    connection: OnceLock<Connection>,
    stopping: AtomicBool,
    /// When each loop last turned.
    turned: Mutex<BTreeMap<String, Instant>>,
    /// Which flows should run, by the hash of their program; `None` until the index was read.
    index: Mutex<Option<BTreeMap<FlowId, String>>>,
    flows: Mutex<BTreeMap<FlowId, Arc<Status>>>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            started_ms: clock::now_ms(),
            connection: OnceLock::new(),
            stopping: AtomicBool::new(false),
            turned: Mutex::default(),
            index: Mutex::default(),
            flows: Mutex::default(),
        }))
    }

    /// Opens the port and answers from then on.
    pub(crate) async fn serve(&self, address: SocketAddr) -> std::io::Result<()> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        tracing::info!(event = "health_served", %address);
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/backlog", get(backlog))
            .with_state(self.clone());
        // It goes with the process.
        let never = CancellationToken::new();
        tokio::spawn(serving::serve(socket, router, CONNECTIONS, never));
        Ok(())
    }

    /// There is a connection; from now on it heals itself.
    pub(crate) fn connected(&self, connection: &Connection) {
        let _ = self.0.connection.set(connection.clone());
    }

    /// A signal to stop has come.
    pub(crate) fn stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// A loop turns.
    pub(crate) fn turned(&self, name: &str) {
        let mut turned = lock(&self.0.turned);
        match turned.get_mut(name) {
            Some(at) => *at = Instant::now(),
            None => {
                turned.insert(name.to_owned(), Instant::now());
            }
        }
    }

    /// A loop has ended as it should.
    pub(crate) fn ended(&self, name: &str) {
        lock(&self.0.turned).remove(name);
    }

    /// The index was read: these flows should run.
    pub(crate) fn should_run(&self, index: &BTreeMap<FlowId, String>) {
        let mut flows = lock(&self.0.flows);
        flows.retain(|flow, _| index.contains_key(flow));
        *lock(&self.0.index) = Some(index.clone());
    }

    /// A flow has a status from now on.
    pub(crate) fn flow(&self, status: &Arc<Status>) {
        let flow = status.flow().clone();
        lock(&self.0.flows).insert(flow, Arc::clone(status));
    }

    fn is_connected(&self) -> bool {
        let connection = self.0.connection.get();
        connection.is_some_and(|c| c.client().connection_state() == Connected::Connected)
    }

    fn stalled(&self) -> Vec<String> {
        lock(&self.0.turned)
            .iter()
            .filter(|(_, at)| at.elapsed() > STALLED)
            .map(|(name, at)| format!("{name} has not turned for {} s", at.elapsed().as_secs()))
            .collect()
    }

    /// What the process waits for before it is ready, and what it cannot change by waiting.
    fn waits_for(&self) -> (Vec<String>, Vec<String>) {
        let (mut waits, mut blocked) = (Vec::new(), Vec::new());
        if self.0.stopping.load(Ordering::Relaxed) {
            waits.push("the process is stopping".to_owned());
        }
        if !self.is_connected() {
            waits.push("there is no connection to NATS".to_owned());
        }
        let index = lock(&self.0.index).clone();
        let Some(index) = index else {
            waits.push("the index of programs is not read".to_owned());
            return (waits, blocked);
        };
        let flows = lock(&self.0.flows).clone();
        for (flow, hash) in index {
            let slow = flows.get(&flow).map(|status| status.slow());
            match slow.filter(|slow| slow.program == hash) {
                None => waits.push(format!("the flow {flow} does not run its program yet")),
                Some(slow) => {
                    if let report::State::Blocked { reason, .. } = slow.reported() {
                        blocked.push(format!("the flow {flow} is blocked: {reason}"));
                    }
                }
            }
        }
        (waits, blocked)
    }
}

async fn livez(State(health): State<Health>) -> (StatusCode, String) {
    let stalled = health.stalled();
    if stalled.is_empty() {
        (StatusCode::OK, "alive\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, lines(&stalled))
    }
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let (waits, blocked) = health.waits_for();
    if waits.is_empty() {
        return (StatusCode::OK, format!("ready\n{}", lines(&blocked)));
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        lines(&waits) + &lines(&blocked),
    )
}

async fn metrics(State(health): State<Health>) -> axum::response::Response {
    match metrics::text(&health) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What waits, by flow and edge, as it was asked last. Whoever reaches the port may know it: it says
/// no more than the metrics.
async fn backlog(State(health): State<Health>) -> axum::response::Response {
    let flows = lock(&health.0.flows).clone();
    let backlog: Backlog = flows
        .into_iter()
        .map(|(flow, status)| {
            let edges = status.edges().into_iter();
            let known = edges.filter_map(|(edge, status)| Some((edge, (*lock(&status.backlog))?)));
            (flow, known.collect())
        })
        .collect();
    match serde_json::to_vec(&backlog) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn lines(lines: &[String]) -> String {
    lines
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect()
}
