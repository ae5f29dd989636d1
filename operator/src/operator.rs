//! The loop: what changed is taken in, and after a moment of quiet one round makes everything true.
//!
//! One task owns all state, so a round sees one moment of the cluster and no two rounds overlap. How
//! it stops: a signal or a lost lease ends the loop between two awaits; nothing is half decided, and
//! what was half written is found by the next leader, which looks at everything first.

mod due;
mod finalizers;
mod foresee;
mod round;
mod scale;
mod statuses;
mod untold;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use vrsky_broker::{Broker, Ending, Failure, Keys, Revoked};
use vrsky_compiler::{Compiler, Diagnostic, Incumbents};
use vrsky_plan::{Plan, Report, TenantId, TenantName};

use crate::apply::Writer;
use crate::autoscale::Autoscale;
use crate::config::Config;
use crate::events::Recorder;
use crate::health::Health;
use crate::index::{Change, Index, Key};
use crate::inventory::Inventory;
use crate::kinds::Kind;
use crate::objects::Desired;
use crate::own::{self, Own, Stored};
use crate::reconcile::Where;
use crate::reports::Reports;
use crate::warnings::Question;
use crate::watch;

use self::due::{Due, QUIET};
use self::scale::Looking;
use self::untold::Untold;

/// The pause before something that failed is tried again, doubled each time up to the second.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_mins(1);
/// Whether readers that go have read to the end is looked at again after so long.
const DRAINING: Duration = Duration::from_millis(250);
/// Each tenant's part of NATS is looked at again after so long, whether or not anything changed.
const VERIFY: Duration = Duration::from_mins(10);
/// Tenants that are looked at again in one round, at most.
const VERIFIED_AT_ONCE: usize = 8;
/// How often time alone may change something.
const TICK: Duration = Duration::from_secs(1);
/// A connection to a tenant's account that was not used for so long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// More of them than so many are closed before.
const OPEN: usize = 64;
/// How long connecting to the broker may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that is lost comes back by itself, but not to a server that has lost its account: after
/// so long, and again after as long, a new one is tried.
const AWAY: Duration = Duration::from_secs(10);

/// Reports of all runtimes, with the tenant whose runtime sent them.
type Reporting = Pin<Box<dyn Stream<Item = (TenantId, Report)> + Send>>;

/// Everything that the operator knows and holds.
pub struct Operator {
    config: Config,
    client: Client,
    writer: Writer,
    recorder: Recorder,
    health: Arc<Health>,
    own: Own,
    keys: Stored<Keys>,
    inventory: Stored<Inventory>,
    index: Index,
    reports: Reports,
    broker: Option<Arc<Broker>>,
    was_connected: bool,
    /// Since when the broker has been away, or has been asked anew.
    away: Option<Instant>,
    compiler: Compiler,
    /// What runs, as far as is known.
    incumbents: Incumbents,
    /// What should be.
    plan: Plan,
    /// What NATS was last made to follow.
    applied: Plan,
    /// When each tenant's part of NATS was last found or made true.
    verified: BTreeMap<TenantId, Instant>,
    /// Tenants of whom a reader that goes has not read to the end yet.
    draining: BTreeSet<TenantId>,
    /// What could not be done for tenants in NATS.
    failed: BTreeMap<TenantId, Failure>,
    /// What should be in Kubernetes.
    desired: Desired,
    /// Where it may not be.
    differing: Where,
    /// Objects that could not be written, with the reason, for status.
    refused: BTreeMap<Key, String>,
    /// What was found last.
    diagnostics: BTreeMap<Key, Vec<Diagnostic>>,
    /// Grants that have to end, and may not have.
    ending: Ending,
    /// Audit entries of grants that ended, by the grant's `namespace/name`.
    revoked: BTreeMap<String, Revoked>,
    /// Whose credentials were written, by namespace.
    credentials: BTreeMap<String, TenantId>,
    /// The tenants of the plan by their ids.
    names: BTreeMap<TenantId, TenantName>,
    /// When the compiler's result changes by itself.
    recheck_at: Option<Timestamp>,
    /// Objects whose status may differ from what was last told.
    untold: Untold,
    /// When an object's status changes by itself.
    changes: BTreeMap<Key, Timestamp>,
    /// Whether a round has left it to later to tell what it did.
    waited: bool,
    /// Whether metrics say how many objects are ready.
    counted: bool,
    /// Which flows are at zero.
    autoscale: Autoscale,
    /// Flows that are being deleted, and stay until they can read what waits for them.
    staying: BTreeSet<Key>,
    /// What people want to know before they write.
    questions: Option<mpsc::Receiver<Question>>,
    /// Failures in a row.
    attempts: u32,
}

impl Operator {
    /// Reads what the operator keeps; makes it if this is the first start.
    pub async fn new(
        config: Config,
        client: Client,
        namespace: &str,
        me: &str,
        health: Arc<Health>,
    ) -> Result<Self, own::Error> {
        let own = Own::new(&client, namespace);
        let keys = own.keys().await?;
        own.servers(config.nats.server.as_ref(), &keys.value)
            .await?;
        let kinds = watch::kinds(&client).await?;
        if config.webhooks.http_route.is_some() && !kinds.contains(&Kind::HttpRoute) {
            return Err(own::Error::NoGateways);
        }
        Ok(Self {
            writer: Writer::new(client.clone()),
            recorder: Recorder::new(&client, me),
            inventory: own.inventory().await?,
            own,
            keys,
            config,
            client,
            health,
            index: Index::new(kinds),
            reports: Reports::default(),
            broker: None,
            compiler: Compiler::default(),
            incumbents: Incumbents::default(),
            plan: Plan::empty(),
            applied: Plan::empty(),
            was_connected: false,
            away: None,
            verified: BTreeMap::new(),
            draining: BTreeSet::new(),
            ending: Ending::new(),
            failed: BTreeMap::new(),
            desired: Desired::default(),
            differing: Where::Everywhere,
            refused: BTreeMap::new(),
            diagnostics: BTreeMap::new(),
            revoked: BTreeMap::new(),
            credentials: BTreeMap::new(),
            names: BTreeMap::new(),
            recheck_at: None,
            untold: Untold::everything(),
            changes: BTreeMap::new(),
            waited: false,
            counted: false,
            autoscale: Autoscale::default(),
            staying: BTreeSet::new(),
            questions: None,
            attempts: 0,
        })
    }

    /// Answers these questions, too.
    pub fn answering(mut self, questions: Option<mpsc::Receiver<Question>>) -> Self {
        self.questions = questions;
        self
    }

    /// Works until it is dropped.
    pub async fn run(&mut self) {
        let mut watches = watch::all(&self.client, self.index.kinds());
        let mut reporting: Option<Reporting> = None;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looking = Looking::default();
        let mut questions = self.questions.take();
        let mut due = Due::now();
        let mut to_tell = Due::never();
        let mut told = Instant::now();
        loop {
            tokio::select! {
                said = watches.next() => match said {
                    Some((kind, Ok(event))) => {
                        let about = untold::about(kind, &event);
                        let change = self.index.take(kind, event);
                        if change != Change::Nothing { self.untold.object(about.as_ref()) }
                        if change == Change::Matters {
                            self.differs(kind, about.as_ref());
                            due.soon();
                        }
                    }
                    Some((kind, Err(error))) => {
                        tracing::warn!(event = "watch_failed", kind = kind.name(), %error);
                    }
                    None => return,
                },
                Some((tenant, report)) = next(&mut reporting) => {
                    let namespace = report.flow.namespace().to_owned();
                    if self.reports.take(tenant, report, Timestamp::now()) {
                        self.untold.namespace(&namespace);
                        // Of what runs already it changes what is said, and nothing that is done.
                        if due.is_never() && self.staying.is_empty() { to_tell.by(told + QUIET) } else { due.soon() }
                    }
                }
                Some(question) = asked(&mut questions) => self.foresee(question),
                waiting = looking.answer() => {
                    if self.scale(&waiting) { due.soon() }
                }
                _ = tick.tick() => {
                    if self.has_to_connect() && let Some(reports) = self.connect().await {
                        reporting = Some(reports);
                        due.soon();
                    }
                    if self.time_changes() { due.soon() }
                    self.look(&mut looking);
                    self.count();
                    if let Some(broker) = &self.broker { broker.close_idle(IDLE, OPEN).await }
                    // Between a change and its round, what is known and what is planned differ.
                    if due.is_never() && self.has_to_tell() && !self.tell().await {
                        due.after(self.pause());
                    }
                }
                () = to_tell.come(), if due.is_never() => {
                    (to_tell, told) = (Due::never(), Instant::now());
                    if self.has_to_tell() && !self.tell().await { due.after(self.pause()) }
                }
                () = due.come() => {
                    (due, to_tell) = (Due::never(), Due::never());
                    if let Some(pause) = self.round().await { due.after(pause) }
                    to_tell.after(QUIET);
                }
            }
        }
    }

    /// What is in Kubernetes may not be what should be; `None`: anything of the kind.
    fn differs(&mut self, kind: Kind, about: Option<&Key>) {
        match about {
            _ if !kind.is_made() && kind != Kind::Namespace => {}
            None => self.differing = Where::Everywhere,
            Some(key) if kind == Kind::Namespace => self.differing.add(&key.name),
            Some(key) => self.differing.add(&key.namespace),
        }
    }

    /// Whether a new connection to the broker is due: also where the old one came back, for a server that
    /// was away may have lost anything.
    fn has_to_connect(&mut self) -> bool {
        let Some(broker) = &self.broker else {
            return true;
        };
        if broker.is_connected() {
            self.away = None;
            return broker.has_reconnected();
        }
        let away = *self.away.get_or_insert_with(Instant::now);
        let is_due = away.elapsed() > AWAY;
        if is_due {
            self.away = Some(Instant::now());
        }
        is_due
    }

    /// Tries to reach the broker: its reports, once it is there.
    async fn connect(&mut self) -> Option<Reporting> {
        let connecting = Broker::connect(&self.config.nats.url, &self.keys.value);
        let connected = match timeout(CONNECT, connecting).await {
            Ok(Ok(broker)) => broker,
            Ok(Err(error)) => {
                self.health.waits_for("NATS", Some(error.to_string()));
                return None;
            }
            Err(_) => {
                self.health.waits_for("NATS", Some("no answer".to_owned()));
                return None;
            }
        };
        let (incumbents, reports) = match (connected.incumbents().await, connected.reports().await)
        {
            (Ok(incumbents), Ok(reports)) => (incumbents, reports),
            (Err(error), _) | (_, Err(error)) => {
                self.health.waits_for("NATS", Some(error.to_string()));
                return None;
            }
        };
        let programs = incumbents.into_values().flat_map(BTreeMap::into_values);
        // What ran is still known where the server has lost it.
        self.incumbents.extend(programs);
        // Whoever is connected anew looks at everything.
        self.verified.clear();
        self.health.connected(connected.version());
        self.broker = Some(Arc::new(connected));
        Some(Box::pin(reports))
    }

    /// Whether the time alone is a reason for a round.
    fn time_changes(&mut self) -> bool {
        let now = Timestamp::now();
        self.reports.forget(now);
        self.health.turned();
        let is_connected = self.is_connected();
        let is_news = is_connected != std::mem::replace(&mut self.was_connected, is_connected);
        if is_news {
            let lost = (!is_connected).then(|| "the connection is lost".to_owned());
            self.health.waits_for("NATS", lost);
        }
        if is_news {
            self.untold = Untold::everything();
        }
        is_news
            || !self.staying.is_empty()
            || self.recheck_at.is_some_and(|at| at <= now)
            || !self.to_verify().is_empty()
    }

    /// Whether NATS can be written to.
    fn is_connected(&self) -> bool {
        self.broker.as_ref().is_some_and(|it| it.is_connected())
    }

    /// Tenants whose part of NATS has not been looked at for long.
    fn to_verify(&self) -> BTreeSet<TenantId> {
        let old = self.verified.iter().filter(|(_, at)| at.elapsed() > VERIFY);
        old.map(|(id, _)| id.clone())
            .take(VERIFIED_AT_ONCE)
            .collect()
    }
}

async fn next(reporting: &mut Option<Reporting>) -> Option<(TenantId, Report)> {
    match reporting {
        Some(reporting) => reporting.next().await,
        None => std::future::pending().await,
    }
}

async fn asked(questions: &mut Option<mpsc::Receiver<Question>>) -> Option<Question> {
    match questions {
        Some(questions) => questions.recv().await,
        None => std::future::pending().await,
    }
}
