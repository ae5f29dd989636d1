//! Everything that runs while dev runs, and what happens when something changes.

mod keys;
mod reports;
mod runtimes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vrsky_broker::{Broker, Keys, Server, ServerConfig};
use vrsky_compiler::Incumbents;
use vrsky_plan::{FlowId, Plan, Report, TenantId, TenantName};

use super::blame::Blame;
use super::console::Console;
use super::event::Event;
use super::load::{Loader, Read};
use super::pending::Pending;
use super::process::Process;
use super::runtime::{self, Happening};
use super::secrets;
use super::state::{self, State};
use super::watch::Watch;
use crate::arguments;
use crate::output::Screen;
use crate::project::Project;
use crate::render;

/// How long after an expiry the compiler is asked again: its clock must have passed the moment.
const AFTER: Duration = Duration::from_millis(25);
/// How often the screen is brought up to date.
const REDRAW: Duration = Duration::from_millis(500);
/// The pause before something that failed in the environment is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a text that vanished is waited for: some editors empty or remove a file before they write it.
const SAVING: Duration = Duration::from_millis(250);
/// How long a start waits for the runtimes before it calls itself ready.
const START: Duration = Duration::from_secs(20);

/// A runtime that is kept running.
#[derive(Debug)]
struct Kept {
    stop: CancellationToken,
    task: JoinHandle<()>,
    process: Option<Process>,
    listen: SocketAddr,
}

/// Why the folder is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The start, or a save: whoever saved waits for an answer.
    Save,
    /// A grant expires, or something is tried again: told only if something comes of it.
    Time,
}

/// Reports of all runtimes, with the tenant whose runtime sent them.
type Reports = Pin<Box<dyn Stream<Item = (TenantId, Report)> + Send>>;

/// Everything that runs while dev runs.
pub(crate) struct Session {
    root: PathBuf,
    listen: SocketAddr,
    binary: PathBuf,
    state: State,
    loader: Loader,
    keys: Keys,
    server: Option<Server>,
    broker: Broker,
    reports: Reports,
    began: Instant,
    began_ms: u64,
    watch: Watch,
    console: Console,
    screen: Screen,
    runtimes: BTreeMap<TenantName, Kept>,
    happenings: mpsc::Receiver<Happening>,
    sender: mpsc::Sender<Happening>,
    /// What was read last, and what came of it.
    read: Option<Read>,
    project: Option<Project>,
    blame: Blame,
    pending: Option<Pending>,
    ready: bool,
    /// The last trouble told, so that what lasts is told once.
    trouble: Option<String>,
    /// When to compile again although no file changed: a grant expires, or something failed.
    wake: Option<tokio::time::Instant>,
}

impl Session {
    /// Takes the folder, starts the server and connects. Nothing runs yet.
    pub(crate) async fn start(
        root: &Path,
        arguments: &arguments::Dev,
        screen: Screen,
        began: Instant,
    ) -> anyhow::Result<Self> {
        let binary = runtime::find()?;
        let fresh = arguments.fresh;
        let folder = root.to_owned();
        let mut state = tokio::task::spawn_blocking(move || State::open(&folder, fresh)).await??;
        let keys = keys::load(&state)?;
        let mut config = ServerConfig::local(state.folder().join("nats"));
        config.port = state.server_port();
        let server = Server::start(&config, &keys).await?;
        state.memory.nats = Some(server.url().to_owned());
        state.memory.server_port = Some(server.port());
        state.memory.processes = vec![Process::of(server.id())];
        state.save()?;
        let broker = Broker::connect(server.url(), &keys).await?;
        let reports = Box::pin(broker.reports().await?);
        let (sender, happenings) = mpsc::channel(1024);
        Ok(Self {
            root: root.to_owned(),
            listen: arguments.listen,
            binary,
            loader: Loader::new(root, state.folder()),
            state,
            keys,
            server: Some(server),
            broker,
            reports,
            began,
            began_ms: Timestamp::now().as_millisecond().unsigned_abs(),
            watch: Watch::start()?,
            console: Console::new(screen),
            screen,
            runtimes: BTreeMap::new(),
            happenings,
            sender,
            read: None,
            project: None,
            blame: Blame::default(),
            pending: None,
            ready: false,
            trouble: None,
            wake: None,
        })
    }

    /// Compiles, runs, and follows changes. Returns only on an error that leaves nothing to do.
    pub(crate) async fn serve(&mut self) -> anyhow::Result<()> {
        self.change(self.began, Cause::Save).await?;
        let mut redraw = tokio::time::interval(REDRAW);
        redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = self.wake;
            tokio::select! {
                seen = self.watch.changed() => {
                    let seen = seen.context("the watch on the folder ended")?;
                    self.try_change(seen, Cause::Save).await;
                }
                () = sleep_until(wake) => {
                    self.wake = None;
                    self.read = None;
                    self.try_change(Instant::now(), Cause::Time).await;
                }
                Some(happening) = self.happenings.recv() => self.happened(happening)?,
                report = self.reports.next() => {
                    let (tenant, report) = report.context("the reports of the runtimes ended")?;
                    self.take(&tenant, report);
                    self.settle();
                }
                _ = redraw.tick() => {
                    self.settle();
                    self.console.tick();
                    self.server_runs()?;
                }
            }
        }
    }

    /// Ends everything: runtimes first, so that they can put down what they hold, then the server.
    pub(crate) async fn end(mut self) {
        self.console.erase();
        for kept in self.runtimes.values() {
            kept.stop.cancel();
        }
        for (_, kept) in std::mem::take(&mut self.runtimes) {
            self.ended(kept).await;
        }
        while let Ok(happening) = self.happenings.try_recv() {
            let _ = self.happened(happening);
        }
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.state.memory.processes.clear();
        self.state.memory.nats = None;
        let saved = self.state.save();
        if let Err(error) = saved {
            self.trouble(&error);
        }
        self.console.erase();
        self.console.say(&Event::Stopped);
    }

    /// [`Session::change`]; what goes wrong in the environment is said and tried again.
    async fn try_change(&mut self, seen: Instant, cause: Cause) {
        if let Err(error) = self.change(seen, cause).await {
            self.trouble(&error);
            self.read = None;
            self.wake_at(AGAIN);
        }
    }

    /// Takes up what lies in the folder now.
    async fn change(&mut self, seen: Instant, cause: Cause) -> anyhow::Result<()> {
        self.watch.follow(&self.loader.folders()?)?;
        let mut read = self.loader.read()?;
        if self.read.as_ref().is_some_and(|last| read.lacks(last)) {
            tokio::time::sleep(SAVING).await;
            read = self.loader.read()?;
        }
        let is_same = self.read.as_ref() == Some(&read);
        if is_same {
            if self.refresh_secrets() {
                self.trouble = None;
            }
            return Ok(());
        }
        let before: Incumbents = self
            .broker
            .incumbents()
            .await?
            .into_values()
            .flat_map(BTreeMap::into_values)
            .collect();
        let project = self.loader.compile(&read, before.clone())?;
        let plan = project.compiled.plan.clone();
        self.recheck(project.compiled.recheck_at);
        // Something that is tried again is no news.
        if self
            .project
            .as_ref()
            .is_none_or(|told| !told.says_the_same(&project))
        {
            self.tell_findings(&project, seen);
        }
        let has_errors = project.has_errors();
        self.project = Some(project);
        self.blame = Blame::default();
        self.read = Some(read);
        if self.keys.provide(&plan)? {
            keys::save(&self.state, &self.keys)?;
        }
        let has_secrets = self.refresh_secrets();
        self.stop_runtimes_without(&plan).await;
        let applied = self.broker.apply(&plan, &self.keys).await?;
        for failure in &applied.failed {
            self.trouble(&anyhow::anyhow!("{} ({})", failure.message, failure.reason));
        }
        if !applied.failed.is_empty() {
            self.read = None;
            self.wake_at(AGAIN);
        } else if has_secrets {
            self.trouble = None;
        }
        self.console.keep(|flow| holds(&plan, flow));
        self.start_runtimes_of(&plan)?;
        let mut pending = if self.ready {
            Pending::between(seen, &before, &plan)
        } else {
            Pending::all(seen, &plan)
        };
        pending.actions = applied.actions;
        pending.revoked = applied.revoked;
        pending.is_unfinished = !applied.failed.is_empty();
        // Of a save with errors the findings are the answer.
        let is_silent = pending.is_empty() && (has_errors || cause == Cause::Time);
        if !is_silent || !self.ready || self.pending.is_some() {
            self.pending = Some(pending.after(self.pending.take(), &plan));
        }
        self.settle();
        Ok(())
    }

    fn tell_findings(&mut self, project: &Project, seen: Instant) {
        let found = render::findings(
            &project.compiled.diagnostics,
            &project.unreadable,
            &project.documents,
        );
        let event = Event::Diagnostics {
            errors: found.errors,
            unverifiable: found.unverifiable,
            unproven: found.unproven,
            warnings: found.warnings,
            unreadable: found.unreadable,
            diagnostics: found.diagnostics,
            ms: seen.elapsed().as_millis() as u64,
        };
        let mut drawn = render::human(
            &project.compiled.diagnostics,
            &project.unreadable,
            &project.documents,
            &self.screen.renderer(),
        );
        if !drawn.is_empty() {
            drawn.push_str("\n\n");
            drawn.push_str(&render::summary(project));
            if project.has_errors() {
                drawn.push_str("; what ran keeps running");
            }
        }
        self.console.findings(&event, &drawn);
    }

    /// Compiles again at `at`: what a grant allows changes then by itself.
    fn recheck(&mut self, at: Option<Timestamp>) {
        self.wake = at.map(|at| {
            let left = at.duration_since(Timestamp::now());
            let left = Duration::try_from(left).unwrap_or_default();
            tokio::time::Instant::now() + left.min(Duration::from_hours(24)) + AFTER
        });
    }

    fn wake_at(&mut self, pause: Duration) {
        let at = tokio::time::Instant::now() + pause;
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// Whether the secrets are as their file says. One that cannot be read holds no manifest up.
    fn refresh_secrets(&mut self) -> bool {
        let file = self.state.folder().join(state::SECRETS);
        let Some(project) = &self.project else {
            return true;
        };
        let variable = |name: &str| std::env::var(name).ok();
        let written = secrets::collect(&file, &project.compiled.plan, variable)
            .and_then(|secrets| secrets::write(&self.secrets_folder(), &secrets));
        if let Err(error) = &written {
            self.trouble(error);
        }
        written.is_ok()
    }

    fn secrets_folder(&self) -> PathBuf {
        self.state.folder().join("run").join("secrets")
    }

    /// A server that ended by itself leaves nothing to do.
    fn server_runs(&self) -> anyhow::Result<()> {
        let is_alive = self
            .server
            .as_ref()
            .is_some_and(|server| Process::of(server.id()).is_alive());
        anyhow::ensure!(
            is_alive,
            "nats-server ended; {} says why. Next: `vrsky dev` again",
            self.state
                .folder()
                .join("nats")
                .join("nats-server.log")
                .display()
        );
        Ok(())
    }

    fn trouble(&mut self, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.trouble.as_ref() != Some(&error) {
            self.trouble = Some(error.clone());
            self.console.say(&Event::Trouble { error });
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn holds(plan: &Plan, flow: &FlowId) -> bool {
    plan.tenants
        .values()
        .any(|tenant| tenant.programs.contains_key(flow))
}
