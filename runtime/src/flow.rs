//! One flow: its edges, its source, its reports. A changed program takes effect in place: edges that
//! stay go on under the same lease and consumer, with the new stage from the next message on.
//!
//! How it stops: the source first, then the edges, then a last report.

mod leftover;
mod partitions;
mod report;
mod source;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vrsky_plan::report::{Cause, State};
use vrsky_plan::{EdgeName, FlowId, Program, TenantName};

use crate::connection::Connection;
use crate::connectors::{self, Blocked};
use crate::edge::{Edge, Seats};
use crate::stage::Stage;
use crate::status::Status;
pub(crate) use leftover::{Held, Holding};
use source::Source;

/// How often a blocked flow tries again.
const AGAIN: Duration = Duration::from_secs(2);

/// What all flows of the process share.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) connection: Connection,
    pub(crate) base: PathBuf,
    pub(crate) secrets: crate::secrets::Secrets,
    pub(crate) http: reqwest::Client,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) health: crate::health::Health,
}

/// The listener for webhooks: opened with the first program, which says the tenant's name.
#[derive(Debug)]
pub(crate) struct Webhooks {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    listener: OnceCell<connectors::Listener>,
    tasks: TaskTracker,
}

impl Webhooks {
    pub(crate) fn new(address: SocketAddr, stop: CancellationToken) -> Self {
        Self {
            address,
            stop,
            listener: OnceCell::new(),
            tasks: TaskTracker::new(),
        }
    }

    async fn listener(&self, tenant: &TenantName) -> Result<connectors::Listener, Blocked> {
        let open = || async {
            let listener = connectors::Listener::bind(self.address, tenant.clone())
                .await
                .map_err(|error| Blocked {
                    reason: format!("cannot listen on {}: {error}", self.address),
                    path: None,
                    cause: Cause::Other,
                })?;
            let (serving, stop) = (listener.clone(), self.stop.clone());
            self.tasks.spawn(async move { serving.serve(stop).await });
            Ok(listener)
        };
        self.listener.get_or_try_init(open).await.cloned()
    }

    /// Waits until what was asked is answered.
    pub(crate) async fn closed(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A flow that runs.
#[derive(Debug)]
pub(crate) struct Flow {
    programs: mpsc::UnboundedSender<Wanted>,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

/// What a flow should do.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Run this.
    Program(Box<Program>),
    /// Its program cannot be read: this hash, this reason.
    Unreadable { hash: String, reason: String },
    /// See to what lies on edges that the program does not have.
    Leftovers(Held),
}

/// The state of one flow's task.
struct Running {
    process: Process,
    status: Arc<Status>,
    program: Option<Program>,
    stages: BTreeMap<EdgeName, Arc<Stage>>,
    edges: BTreeMap<EdgeName, Edge>,
    /// Edges that the program has no more, which end when they are empty; and those that another
    /// process is to read, which end at once.
    retiring: BTreeMap<EdgeName, Edge>,
    /// Where the flow has several partitions: which are this process's.
    seats: Option<Seats>,
    source: Option<Source>,
    blocked: bool,
}

impl Flow {
    /// A flow without a program yet.
    pub(crate) fn start(process: &Process, flow: FlowId) -> Self {
        let (programs, receiver) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let status = Arc::new(Status::new(flow));
        process.health.flow(&status);
        let running = Running {
            process: process.clone(),
            status,
            program: None,
            stages: BTreeMap::new(),
            edges: BTreeMap::new(),
            retiring: BTreeMap::new(),
            seats: None,
            source: None,
            blocked: false,
        };
        let done = tokio::spawn(running.run(receiver, stop.clone()));
        Self {
            programs,
            stop,
            done,
        }
    }

    /// Runs this from now on.
    pub(crate) fn want(&self, wanted: Wanted) {
        // The task ends only after `stop`; what is wanted after that is moot.
        let _ = self.programs.send(wanted);
    }

    /// Begins to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn join(self) {
        if let Err(error) = self.done.await {
            tracing::error!(event = "flow_failed", %error);
        }
    }
}

impl Running {
    async fn run(mut self, mut wanted: mpsc::UnboundedReceiver<Wanted>, stop: CancellationToken) {
        let reports = CancellationToken::new();
        let connection = self.process.connection.clone();
        let reporter = tokio::spawn(report::run(
            connection,
            Arc::clone(&self.status),
            reports.clone(),
        ));
        let mut tick = interval(AGAIN);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let name = format!("the flow {}", self.status.flow());
        loop {
            self.process.health.turned(&name);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = changed(&mut self.seats) => self.share_out(),
                next = wanted.recv() => match next {
                    Some(Wanted::Program(program)) => self.apply(*program).await,
                    Some(Wanted::Unreadable { hash, reason }) => self.unreadable(hash, reason).await,
                    Some(Wanted::Leftovers(held)) => {
                        if let Err(blocked) = self.take_leftovers(held).await {
                            tracing::warn!(event = "leftovers_wait", flow = %self.status.flow(), reason = %blocked.reason);
                        }
                    }
                    None => break,
                },
                _ = tick.tick() => {
                    if self.blocked && let Some(program) = self.program.take() {
                        self.apply(program).await;
                    }
                    self.retire().await;
                }
            }
        }
        self.halt(true).await;
        self.process.health.ended(&name);
        reports.cancel();
        let _ = reporter.await;
        tracing::info!(event = "flow_stopped", flow = %self.status.flow());
    }

    /// Makes the program run.
    async fn apply(&mut self, program: Program) {
        let (hash, generation) = (program.hash.to_string(), program.generation);
        let flow = self.status.flow().clone();
        let state = match self.lead_over(&program).await {
            Ok(state) => state,
            Err(blocked) => {
                self.halt(false).await;
                State::Blocked {
                    reason: blocked.reason,
                    path: blocked.path,
                    cause: blocked.cause,
                }
            }
        };
        self.blocked = matches!(state, State::Blocked { .. });
        let url = self.source.as_ref().and_then(Source::url);
        self.program = Some(program);
        let before = self.status.slow();
        if before.program == hash && before.state == state && before.url == url {
            return;
        }
        tracing::info!(event = "program_applied", %flow, generation, %hash, ?state);
        self.status.set(|slow| {
            slow.program = hash;
            slow.generation = generation;
            slow.state = state;
            slow.url = url;
        });
    }

    async fn context(&self, program: &Program) -> Result<connectors::Context, Blocked> {
        Ok(connectors::Context {
            tenant: program.tenant.clone(),
            flow: program.flow.clone(),
            base: self.process.base.clone(),
            secrets: self.process.secrets.clone(),
            http: self.process.http.clone(),
            listener: self.process.webhooks.listener(&program.tenant).await?,
            max_payload: program.max_payload,
        })
    }

    async fn lead_over(&mut self, program: &Program) -> Result<State, Blocked> {
        self.leave_leftovers().await;
        let context = self.context(program).await?;
        let keeps_source = self
            .source
            .as_ref()
            .is_some_and(|source| source.is_of(program));
        if !keeps_source {
            if let Some(mut source) = self.source.take() {
                source.halt().await;
            }
            let connection = &self.process.connection;
            self.source = Source::open(program, &context, connection, &self.status)?;
        }
        let stages = Stage::compile_all(program, &context, &self.status, &self.stages)?;
        self.stages = stages;
        if program.suspended {
            self.halt(false).await;
            return Ok(State::Suspended);
        }
        self.sit(program.partitions).await;
        self.share_out();
        if let Some(source) = &mut self.source {
            source.run(&self.process.connection, &self.status, program.partitions);
        }
        Ok(State::Running)
    }

    /// A program of another version: what it would do is unknown, so nothing runs.
    async fn unreadable(&mut self, hash: String, reason: String) {
        self.halt(false).await;
        self.program = None;
        self.blocked = false;
        tracing::warn!(event = "program_unreadable", flow = %self.status.flow(), %reason);
        self.status.set(|slow| {
            slow.program = hash;
            slow.state = State::Blocked {
                reason,
                path: None,
                cause: Cause::Other,
            };
        });
    }

    /// Stops the source, then the edges. A source that only rests keeps its webhook's path.
    async fn halt(&mut self, for_good: bool) {
        if let Some(source) = &mut self.source {
            source.halt().await;
        }
        if for_good {
            self.source = None;
        }
        let edges = std::mem::take(&mut self.edges);
        let retiring = std::mem::take(&mut self.retiring);
        let edges: Vec<_> = edges.into_iter().chain(retiring).collect();
        for (_, edge) in &edges {
            edge.stop();
        }
        if let Some(seats) = self.seats.take() {
            seats.stop().await;
        }
        for (name, edge) in edges {
            edge.join().await;
            self.status.forget_edge(&name);
        }
    }
}

/// Waits until this process is to read other partitions.
async fn changed(seats: &mut Option<Seats>) {
    match seats {
        Some(seats) => seats.changed().await,
        None => std::future::pending().await,
    }
}
