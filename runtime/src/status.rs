//! What a flow says of itself: counters, state, the last error. Written by edges and sources, read by
//! the reporter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vrsky_plan::report::{Counters, LastError, State};
use vrsky_plan::{EdgeName, FlowId};

use crate::clock;

/// One flow's counters and state.
#[derive(Debug)]
pub struct Status {
    flow: FlowId,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) unread: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) errored: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    delivered: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    edges: Mutex<BTreeMap<EdgeName, Arc<EdgeStatus>>>,
    slow: Mutex<Slow>,
    /// Wakes the reporter.
    pub(crate) changed: Notify,
}

/// What changes seldom.
#[derive(Clone, Debug)]
pub(crate) struct Slow {
    pub(crate) program: String,
    pub(crate) generation: i64,
    pub(crate) state: State,
    /// Why the source does not run, while it does not.
    pub(crate) source: Option<(String, Option<String>)>,
    /// Why the dead letters take no more, while they do not.
    pub(crate) stuck: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) last_error: Option<LastError>,
}

impl Slow {
    /// The state that is reported: the gravest.
    pub(crate) fn reported(&self) -> State {
        match (&self.state, &self.source, &self.stuck) {
            (State::Running, Some((reason, path)), _) => State::Blocked {
                reason: reason.clone(),
                path: path.clone(),
            },
            (State::Running, None, Some(reason)) => State::Blocked {
                reason: reason.clone(),
                path: None,
            },
            (state, _, _) => state.clone(),
        }
    }
}

/// One edge, for its backlog. A waiting lane of an edge has one too.
#[derive(Debug, Default)]
pub(crate) struct EdgeStatus {
    /// The consumers that read it: the edge's own and those of its waiting lanes.
    pub(crate) consumers: Mutex<BTreeMap<&'static str, String>>,
    /// Messages received and not finished, and their bytes.
    pub(crate) unfinished: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Messages that waited at the last report; `None`: not known, or read by another.
    pub(crate) backlog: Mutex<Option<u64>>,
}

impl Status {
    pub(crate) fn new(flow: FlowId) -> Self {
        Self {
            flow,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            unread: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            errored: AtomicU64::new(0),
            dead_lettered: AtomicU64::new(0),
            delivered: Mutex::new(BTreeMap::new()),
            edges: Mutex::new(BTreeMap::new()),
            slow: Mutex::new(Slow {
                program: String::new(),
                generation: 0,
                state: State::Running,
                source: None,
                stuck: None,
                url: None,
                last_error: None,
            }),
            changed: Notify::new(),
        }
    }

    pub(crate) fn flow(&self) -> &FlowId {
        &self.flow
    }

    /// The counter of one output.
    pub(crate) fn delivered(&self, output: &str) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.delivered).entry(output.to_owned()).or_default())
    }

    /// The status of one edge.
    pub(crate) fn edge(&self, edge: &EdgeName) -> Arc<EdgeStatus> {
        Arc::clone(lock(&self.edges).entry(edge.clone()).or_default())
    }

    /// The edge is no longer part of the flow.
    pub(crate) fn forget_edge(&self, edge: &EdgeName) {
        lock(&self.edges).remove(edge);
    }

    pub(crate) fn edges(&self) -> Vec<(EdgeName, Arc<EdgeStatus>)> {
        lock(&self.edges)
            .iter()
            .map(|(edge, status)| (edge.clone(), Arc::clone(status)))
            .collect()
    }

    pub(crate) fn slow(&self) -> Slow {
        lock(&self.slow).clone()
    }

    /// Changes what changes seldom, and reports it soon where it is different afterwards.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Slow)) {
        change(&mut lock(&self.slow));
        self.changed.notify_one();
    }

    /// Notes the last thing that went wrong. It travels with the next report.
    pub(crate) fn trouble(&self, path: &str, message: &str) {
        let error = LastError {
            at_ms: clock::now_ms(),
            path: path.to_owned(),
            message: one_line(message),
        };
        lock(&self.slow).last_error = Some(error);
    }

    pub(crate) fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            filtered: read(&self.filtered),
            delivered: lock(&self.delivered)
                .iter()
                .map(|(output, counter)| (output.clone(), read(counter)))
                .collect(),
            unread: read(&self.unread),
            retried: read(&self.retried),
            errored: read(&self.errored),
            dead_lettered: read(&self.dead_lettered),
        }
    }
}

/// A lock that outlives a panic elsewhere: counters are right at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// At most 500 characters without line breaks: fit for a header, a log and a status.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(500)
        .collect()
}
