//! `/healthz`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::Arc;

/// The loop turns every second; after so long without, it hangs. A round that drains a reader may
/// take some of it.
const HANGS: Duration = Duration::from_mins(2);

/// How the operator is.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What is waited for, and why.
    waits: BTreeMap<&'static str, String>,
    leads: bool,
    turned: Option<Instant>,
    rounds: u64,
    round_seconds: f64,
    last_round_seconds: f64,
    failed_tenants: usize,
    objects: BTreeMap<(&'static str, bool), usize>,
    /// The version of NATS.
    nats: Option<String>,
}

impl Health {
    /// Waits for `what`, for this reason; or not any more.
    pub fn waits_for(&self, what: &'static str, why: Option<String>) {
        let mut state = self.lock();
        match why {
            Some(why) => {
                if state.waits.get(what) != Some(&why) {
                    tracing::info!(event = "waiting", what, why);
                }
                state.waits.insert(what, why);
            }
            None => drop(state.waits.remove(what)),
        }
    }

    /// This process leads.
    pub fn leads(&self) {
        let mut state = self.lock();
        state.leads = true;
        state.turned = Some(Instant::now());
    }

    /// Whether this process leads.
    pub fn is_leading(&self) -> bool {
        self.lock().leads
    }

    /// NATS is connected, and of this version.
    pub fn connected(&self, version: String) {
        self.lock().nats = Some(version);
        self.waits_for("NATS", None);
    }

    /// The loop has turned.
    pub fn turned(&self) {
        self.lock().turned = Some(Instant::now());
    }

    /// A round has ended.
    pub fn round(&self, took: Duration, failed_tenants: usize) {
        let mut state = self.lock();
        state.rounds += 1;
        state.round_seconds += took.as_secs_f64();
        state.last_round_seconds = took.as_secs_f64();
        state.failed_tenants = failed_tenants;
    }

    /// How many objects of each kind are ready, and how many are not.
    pub fn objects(&self, objects: BTreeMap<(&'static str, bool), usize>) {
        self.lock().objects = objects;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> (StatusCode, String) {
        let state = self.lock();
        match state.turned {
            Some(turned) if turned.elapsed() > HANGS => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the loop hangs\n".to_owned(),
            ),
            _ => (StatusCode::OK, "ok\n".to_owned()),
        }
    }

    fn ready(&self) -> (StatusCode, String) {
        let state = self.lock();
        if state.waits.is_empty() {
            let word = if state.leads {
                "leading"
            } else {
                "standing by"
            };
            let nats = state.nats.as_ref();
            let nats = nats.map(|version| format!("nats-server {version}\n"));
            let text = format!("ok: {word}\n{}", nats.unwrap_or_default());
            return (StatusCode::OK, text);
        }
        let lines = state.waits.iter();
        let lines = lines.map(|(what, why)| format!("waiting for {what}: {why}\n"));
        // As the API server's own does; and who asks by way of it tries a 503 again and again.
        (StatusCode::INTERNAL_SERVER_ERROR, lines.collect())
    }

    /// Prometheus' text format, version 0.0.4.
    fn metrics(&self) -> String {
        let state = self.lock();
        let mut text = String::new();
        for (name, kind, help, value) in [
            (
                "vrsky_operator_leader",
                "gauge",
                "1 if this process leads.",
                f64::from(u8::from(state.leads)),
            ),
            (
                "vrsky_operator_rounds_total",
                "counter",
                "Rounds since the start.",
                state.rounds as f64,
            ),
            (
                "vrsky_operator_round_seconds_total",
                "counter",
                "Seconds spent in rounds.",
                state.round_seconds,
            ),
            (
                "vrsky_operator_last_round_seconds",
                "gauge",
                "Seconds that the last round took.",
                state.last_round_seconds,
            ),
            (
                "vrsky_operator_failed_tenants",
                "gauge",
                "Tenants whose part of NATS could not be made true.",
                state.failed_tenants as f64,
            ),
        ] {
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
            );
        }
        let name = "vrsky_operator_objects";
        let _ = writeln!(text, "# HELP {name} Objects by kind.\n# TYPE {name} gauge");
        for ((kind, ready), count) in &state.objects {
            let _ = writeln!(text, "{name}{{kind=\"{kind}\",ready=\"{ready}\"}} {count}");
        }
        text
    }
}

/// The pages.
pub fn pages(health: Arc<Health>) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|State(it): State<Arc<Health>>| async move { it.live() }),
        )
        .route(
            "/readyz",
            get(|State(it): State<Arc<Health>>| async move { it.ready() }),
        )
        .route(
            "/metrics",
            get(|State(it): State<Arc<Health>>| async move { it.metrics() }),
        )
        .with_state(health)
}
