//! Which path belongs to which flow, changed while requests come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use vrsky_plan::FlowId;
use vrsky_plan::program::Decode;

use super::config::Verify;
use crate::connectors::inlet::Inlet;
use crate::secrets::Secrets;

/// The paths that are served, below the tenant's own.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<BTreeMap<String, Vec<Arc<Route>>>>);

/// What one webhook expects.
#[derive(Debug)]
pub(super) struct Route {
    pub flow: FlowId,
    pub method: http::Method,
    pub verify: Option<Verify>,
    pub secrets: Secrets,
    pub decode: Decode,
    /// The largest body in bytes.
    pub limit: usize,
    /// The largest payload in bytes.
    pub max_payload: usize,
    pub running: Mutex<Option<Running>>,
}

/// While the source runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub inlet: Inlet,
    /// Counts the requests under way.
    pub requests: TaskTracker,
}

impl Routes {
    /// Adds a route. Two programs of one flow may hold a path while one takes over from the other; of
    /// two flows, the first keeps it, and its name is the error.
    pub(super) fn claim(&self, path: &str, route: Arc<Route>) -> Result<(), FlowId> {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = routes.entry(path.to_owned()).or_default();
        if let Some(other) = claims.iter().find(|claim| claim.flow != route.flow) {
            return Err(other.flow.clone());
        }
        claims.push(route);
        Ok(())
    }

    pub(super) fn release(&self, path: &str, route: &Arc<Route>) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = routes.get_mut(path) {
            claims.retain(|claim| !Arc::ptr_eq(claim, route));
            if claims.is_empty() {
                routes.remove(path);
            }
        }
    }

    /// The newest route that runs, else the newest.
    pub(super) fn find(&self, path: &str) -> Option<Arc<Route>> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = routes.get(path)?;
        claims
            .iter()
            .rev()
            .find(|route| route.is_running())
            .or(claims.last())
            .cloned()
    }
}

impl Route {
    /// The intake while the source runs; it does not stop before the token is dropped.
    pub(super) fn enter(&self) -> Option<(Inlet, TaskTrackerToken)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .as_ref()
            .map(|running| (running.inlet.clone(), running.requests.token()))
    }

    pub(super) fn set(&self, running: Option<Running>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    fn is_running(&self) -> bool {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}
