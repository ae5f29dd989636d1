//! Everything that runs while dev runs, and what happens when something changes.

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
use vrsky_plan::report::State as FlowState;
use vrsky_plan::{FlowId, Plan, Program, Report, TenantId, TenantName};

use super::blame::Blame;
use super::console::Console;
use super::event::{Event, Told, ToldError};
use super::load::{Loader, Read};
use super::pending::Pending;
use super::process::Process;
use super::runtime::{self, Happening, Launch};
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

/// Reports of all runtimes, with the tenant whose runtime sent them.
type Reports = Pin<Box<dyn Stream<Item = (TenantId, Report)> + Send>>;
/// What runs.
type Incumbents = BTreeMap<(TenantName, FlowId), Program>;

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
        let keys = load_keys(&state)?;
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
        self.change(self.began).await?;
        let mut redraw = tokio::time::interval(REDRAW);
        redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = self.wake;
            tokio::select! {
                seen = self.watch.changed() => {
                    let seen = seen.context("the watch on the folder ended")?;
                    self.try_change(seen).await;
                }
                () = sleep_until(wake) => {
                    self.wake = None;
                    self.read = None;
                    self.try_change(Instant::now()).await;
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
    async fn try_change(&mut self, seen: Instant) {
        if let Err(error) = self.change(seen).await {
            self.trouble(&error);
            self.read = None;
            self.wake_at(AGAIN);
        }
    }

    /// Takes up what lies in the folder now.
    async fn change(&mut self, seen: Instant) -> anyhow::Result<()> {
        self.watch.follow(&self.loader.folders()?)?;
        let read = self.loader.read()?;
        let is_same = self.read.as_ref() == Some(&read);
        if is_same {
            return self.refresh_secrets();
        }
        let before: Incumbents = self
            .broker
            .incumbents()
            .await?
            .into_values()
            .flatten()
            .map(|(flow, program)| ((program.tenant.clone(), flow), program))
            .collect();
        let project = self.loader.compile(&read, before.clone())?;
        let plan = project.compiled.plan.clone();
        self.recheck(project.compiled.recheck_at);
        self.tell_findings(&project, seen);
        let has_errors = project.has_errors();
        self.project = Some(project);
        self.blame = Blame::default();
        self.read = Some(read);
        if self.keys.provide(&plan)? {
            save_keys(&self.state, &self.keys)?;
        }
        self.refresh_secrets()?;
        self.stop_runtimes_without(&plan).await;
        let applied = self.broker.apply(&plan, &self.keys).await?;
        for failure in &applied.failed {
            self.trouble(&anyhow::anyhow!("{} ({})", failure.message, failure.reason));
        }
        let applied_fully = applied.failed.is_empty();
        if !applied_fully {
            self.read = None;
            self.wake_at(AGAIN);
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
        let is_nothing = has_errors && pending.flows.is_empty() && pending.actions.is_empty();
        if !is_nothing || !self.ready {
            self.pending = Some(pending.after(self.pending.take(), &plan));
        }
        if applied_fully {
            self.trouble = None;
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

    fn refresh_secrets(&mut self) -> anyhow::Result<()> {
        let file = self.state.folder().join(state::SECRETS);
        let Some(project) = &self.project else {
            return Ok(());
        };
        let secrets = secrets::collect(&file, &project.compiled.plan, |name| {
            std::env::var(name).ok()
        })?;
        let folder = self.secrets_folder();
        secrets::write(&folder, &secrets)
    }

    fn secrets_folder(&self) -> PathBuf {
        self.state.folder().join("run").join("secrets")
    }

    async fn stop_runtimes_without(&mut self, plan: &Plan) {
        let gone: Vec<TenantName> = self
            .runtimes
            .keys()
            .filter(|tenant| !plan.tenants.contains_key(*tenant))
            .cloned()
            .collect();
        for tenant in gone {
            if let Some(kept) = self.runtimes.remove(&tenant) {
                kept.stop.cancel();
                self.ended(kept).await;
            }
        }
    }

    /// Waits for a runtime that was asked to end. Happenings are taken meanwhile: a full channel
    /// would hold its task up for ever.
    async fn ended(&mut self, mut kept: Kept) {
        loop {
            tokio::select! {
                _ = &mut kept.task => return,
                Some(happening) = self.happenings.recv() => {
                    let _ = self.happened(happening);
                }
            }
        }
    }

    fn start_runtimes_of(&mut self, plan: &Plan) -> anyhow::Result<()> {
        for (name, tenant) in &plan.tenants {
            for role in tenant.roles.keys() {
                let file = runtime::creds_file(self.state.folder(), name, role);
                let text = self.keys.credentials(&tenant.id, role)?;
                if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
                    state::write_private(&file, text.as_bytes())?;
                }
            }
            self.state
                .memory
                .tenants
                .insert(name.clone(), tenant.id.to_string());
            if self.runtimes.contains_key(name) {
                continue;
            }
            let port = self.state.port(name, self.listen)?;
            let listen = SocketAddr::new(self.listen.ip(), port);
            let launch = Launch {
                binary: self.binary.clone(),
                tenant: name.clone(),
                tenant_id: tenant.id.clone(),
                nats: self.state.memory.nats.clone().unwrap_or_default(),
                creds: runtime::creds_file(self.state.folder(), name, "runtime"),
                listen,
                secrets: self.secrets_folder(),
                folder: self.root.clone(),
            };
            let stop = CancellationToken::new();
            let task = runtime::keep(launch, self.sender.clone(), stop.clone());
            let kept = Kept {
                stop,
                task,
                process: None,
                listen,
            };
            self.runtimes.insert(name.clone(), kept);
        }
        self.state
            .memory
            .tenants
            .retain(|name, _| plan.tenants.contains_key(name));
        self.state.save()
    }

    fn happened(&mut self, happening: Happening) -> anyhow::Result<()> {
        let event = match happening {
            Happening::Line { tenant, text } => Event::Output { tenant, line: text },
            Happening::Started { tenant, process } => {
                let pid = process.pid;
                if let Some(kept) = self.runtimes.get_mut(&tenant) {
                    kept.process = Some(process);
                }
                self.remember_processes()?;
                Event::Runtime {
                    tenant,
                    pid,
                    state: "started",
                    reason: None,
                    restart_in_ms: None,
                }
            }
            Happening::Exited {
                tenant,
                pid,
                reason,
                again,
            } => {
                if let Some(kept) = self.runtimes.get_mut(&tenant) {
                    kept.process = None;
                }
                self.remember_processes()?;
                let restart_in_ms = again.map(|pause| pause.as_millis() as u64);
                Event::Runtime {
                    tenant,
                    pid,
                    state: "exited",
                    reason: Some(reason),
                    restart_in_ms,
                }
            }
        };
        self.console.say(&event);
        Ok(())
    }

    /// For the next start, should this process be killed.
    fn remember_processes(&mut self) -> anyhow::Result<()> {
        let server = self.server.as_ref().map(|server| Process::of(server.id()));
        let runtimes = self
            .runtimes
            .values()
            .filter_map(|kept| kept.process.clone());
        self.state.memory.processes = runtimes.chain(server).collect();
        self.state.save()
    }

    /// Tells what a runtime reports. What processes of an earlier run left behind is no news.
    fn take(&mut self, id: &TenantId, report: Report) {
        let Some(project) = &self.project else { return };
        // A runtime may report what it likes; it speaks for its own tenant only.
        let Some(tenant) = tenant_of(&project.compiled.plan, &report.flow, id) else {
            return;
        };
        if report.at_ms < self.began_ms {
            return;
        }
        if let Some(pending) = &mut self.pending {
            pending.confirm(&report);
        }
        let documents = &project.documents;
        let at = match &report.state {
            FlowState::Blocked {
                path: Some(path), ..
            } => self.blame.find(documents, &report.flow, path),
            _ => None,
        };
        let last_error = report.last_error.map(|error| ToldError {
            at: self.blame.find(documents, &report.flow, &error.path),
            at_ms: error.at_ms,
            path: error.path,
            message: error.message,
        });
        let told = Told {
            tenant,
            flow: report.flow,
            program: report.program,
            process: report.process,
            state: report.state,
            at,
            url: report.url,
            counters: report.counters,
            backlog: report.backlog,
            last_error,
        };
        self.console.report(told, report.at_ms);
    }

    /// Says that a save took effect, once it has.
    fn settle(&mut self) {
        let is_over = match &self.pending {
            None => return,
            Some(pending) if self.ready => pending.is_confirmed() || pending.is_late(),
            Some(pending) => pending.is_confirmed() || self.began.elapsed() > START,
        };
        if !is_over {
            return;
        }
        let Some(pending) = self.pending.take() else {
            return;
        };
        if self.ready {
            self.console.say(&Event::Applied {
                ms: pending.since.elapsed().as_millis() as u64,
                confirmed: pending.is_confirmed(),
                flows: pending.flows,
                actions: pending.actions,
                revoked: pending.revoked,
            });
            return;
        }
        self.ready = true;
        let urls = self
            .runtimes
            .iter()
            .map(|(tenant, kept)| (tenant.clone(), format!("http://{}/{tenant}", kept.listen)))
            .collect();
        self.console.say(&Event::Ready {
            urls,
            nats: self.state.memory.nats.clone().unwrap_or_default(),
            ms: self.began.elapsed().as_millis() as u64,
        });
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

fn tenant_of(plan: &Plan, flow: &FlowId, id: &TenantId) -> Option<TenantName> {
    plan.tenants
        .iter()
        .find(|(_, tenant)| tenant.id == *id && tenant.programs.contains_key(flow))
        .map(|(name, _)| name.clone())
}

fn load_keys(state: &State) -> anyhow::Result<Keys> {
    let file = state.folder().join("keys.json");
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            anyhow::anyhow!("{} is damaged; next: `vrsky dev --fresh`", file.display())
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let keys = Keys::generate()?;
            save_keys(state, &keys)?;
            Ok(keys)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn save_keys(state: &State, keys: &Keys) -> anyhow::Result<()> {
    state::write_private(
        &state.folder().join("keys.json"),
        &serde_json::to_vec_pretty(keys)?,
    )
}
