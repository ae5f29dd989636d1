use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vrsky_plan::program::Decode;

use super::config::Config;
use super::listener::Listener;
use super::routes::{Route, Running};
use super::signature;
use crate::connectors::inlet::Inlet;
use crate::connectors::{Blocked, Context, parameters};

/// How long requests under way may take after `stop`.
const DRAIN: Duration = Duration::from_secs(5);

/// One webhook: it holds its path until it is dropped.
#[derive(Debug)]
pub(in crate::connectors) struct Source {
    listener: Listener,
    path: String,
    pub(super) route: Arc<Route>,
}

impl Source {
    pub(in crate::connectors) fn open(
        with: &Value,
        decode: Decode,
        context: &Context,
    ) -> Result<Self, Blocked> {
        let config: Config = parameters("webhook", with, "spec.source.with")?;
        let default = config.max_bytes.unwrap_or(context.max_payload);
        let limit = match decode {
            Decode::Json => default.min(context.max_payload),
            Decode::Ndjson | Decode::Csv => default,
        };
        let route = Arc::new(Route {
            flow: context.flow.clone(),
            method: config.method.name(),
            verify: config.verify,
            secrets: context.secrets.clone(),
            decode,
            limit,
            max_payload: context.max_payload,
            running: Mutex::new(None),
        });
        let listener = context.listener.clone();
        listener
            .routes()
            .claim(&config.path, route.clone())
            .map_err(|other| {
                Blocked::at(
                    "spec.source.with.path",
                    format!("the flow {other} already serves {}", config.path),
                )
            })?;
        Ok(Self {
            listener,
            path: config.path,
            route,
        })
    }

    pub(in crate::connectors) fn url(&self) -> String {
        self.listener.url(&self.path)
    }

    /// Takes requests in until `stop`. Blocked while the secret is missing.
    pub(in crate::connectors) async fn run(
        &self,
        inlet: Inlet,
        stop: CancellationToken,
    ) -> Result<(), Blocked> {
        self.check_secret()?;
        let requests = TaskTracker::new();
        self.route.set(Some(Running {
            inlet,
            requests: requests.clone(),
        }));
        stop.cancelled().await;
        self.route.set(None);
        requests.close();
        let _late = tokio::time::timeout(DRAIN, requests.wait()).await;
        Ok(())
    }

    fn check_secret(&self) -> Result<(), Blocked> {
        let Some(verify) = &self.route.verify else {
            return Ok(());
        };
        let blocked = |reason: String| Blocked::secret(verify.path(), reason);
        let secret = self
            .route
            .secrets
            .read(self.route.flow.namespace(), verify.secret())
            .map_err(|error| blocked(error.to_string()))?;
        if signature::keys(verify, secret.expose()).is_empty() {
            let name = &verify.secret().name;
            return Err(blocked(format!(
                "the secret {name} has no signing key in it"
            )));
        }
        Ok(())
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.listener.routes().release(&self.path, &self.route);
    }
}
