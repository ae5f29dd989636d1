//! What is known of an object when its status is written. Borrowed, plain, without clients.

use jiff::Timestamp;
use vrsky_compiler::Diagnostic;
use vrsky_plan::{Program, Report};

/// What every kind has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Its namespace; empty for a Tenant.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `metadata.generation`.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: Option<Deleting>,
    /// Whether `vrsky.io/reconcile: disabled` stands on it.
    pub paused: bool,
    /// Whether its change is withheld, so that the plan holds what it said before: because it is
    /// paused, or because something that it refers to has mistakes of its own.
    pub held: bool,
    /// The compiler's diagnostics of this object that its tenant may see.
    pub diagnostics: &'a [&'a Diagnostic],
    /// Whether its namespace belongs to a tenant.
    pub tenancy: Tenancy,
    /// Whether the world follows the plan of its tenant.
    pub apply: Apply<'a>,
}

impl<'a> Facts<'a> {
    /// The API server refused a write for it. What NATS has to say goes first.
    pub fn refuse(&mut self, message: &'a str) {
        if self.apply == Apply::Done {
            self.apply = Apply::Failed(Trouble {
                reason: "WriteRefused",
                message,
            });
        }
    }
}

/// An object that is being deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleting {
    /// How much is left, where it is known: messages of a Flow, readers of a Grant, objects of a
    /// Tenant.
    pub left: Option<u64>,
    /// When the wait ends, whatever is left.
    pub until: Option<Timestamp>,
}

/// Whether a namespace belongs to a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tenancy {
    /// It does.
    #[default]
    Bound,
    /// No Tenant lists it.
    Unbound,
    /// A Tenant lists its name, but it was deleted and made again since it was bound.
    Replaced,
    /// It belongs to a tenant that is suspended.
    Suspended,
}

/// Whether the world follows the plan of a tenant: NATS, and what the API server holds for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Apply<'a> {
    /// Not tried yet.
    #[default]
    Pending,
    /// It does.
    Done,
    /// Something was refused; it is tried again.
    Failed(Trouble<'a>),
    /// The broker does not answer.
    Away {
        /// What the client said.
        message: &'a str,
    },
}

/// Something that went wrong, in the words of whoever says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// One word, such as `ImagePullBackOff` or `BrokerRefused`.
    pub reason: &'a str,
    /// One sentence, without secrets.
    pub message: &'a str,
}

/// What is known of a Flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowFacts<'a> {
    /// What every kind has.
    pub object: Facts<'a>,
    /// Its program in the plan, if it has one.
    pub program: Option<Planned<'a>>,
    /// What runs it, if that exists.
    pub workload: Option<Workload<'a>>,
    /// The last report of each process, as the operator received it.
    pub reports: &'a [Heard<'a>],
    /// Where its webhook is reached, if it has one.
    pub url: Option<&'a str>,
    /// That it is at zero, or comes from there.
    pub zero: Option<Zero<'a>>,
}

/// A flow for which no pod runs, since it had nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zero<'a> {
    /// The program that lies in NATS for it, which the next pod runs.
    pub program: Planned<'a>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// When a message woke it, if one did.
    pub woken: Option<Timestamp>,
}

/// A program of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    /// The generation that it was made from.
    pub generation: i64,
    /// Its hash.
    pub hash: &'a str,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// The Deployment of runtimes that a flow runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workload<'a> {
    /// Its name, also the label `app.kubernetes.io/instance` of its pods.
    pub name: &'a str,
    /// Whether at least one pod is available.
    pub available: bool,
    /// How many pods there are, if they are the flow's own, and how they are selected.
    pub pods: Option<(i32, &'a str)>,
    /// Why a pod does not run (`ImagePullBackOff`, `Unschedulable`, `CrashLoopBackOff`), or why
    /// there is none (`FailedCreate`, `ProgressDeadlineExceeded`).
    pub trouble: Option<Trouble<'a>>,
}

/// A report with the time at which it was received, by the operator's own clock: a runtime's clock
/// may be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// What a process said last.
    pub report: &'a Report,
    /// When that was received.
    pub received: Timestamp,
}

/// What is known of a Tenant.
#[derive(Clone, Copy, Debug, Default)]
pub struct TenantFacts<'a> {
    /// What every kind has.
    pub object: Facts<'a>,
    /// Namespaces that it lists and that do not exist.
    pub missing: &'a [&'a str],
    /// Namespaces that were deleted and made again since they were bound.
    pub replaced: &'a [&'a str],
}

/// What is known of a Topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicFacts<'a> {
    /// What every kind has.
    pub object: Facts<'a>,
}

/// What is known of a Connector. It has no part in NATS: what is applied does not matter to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectorFacts<'a> {
    /// What every kind has.
    pub object: Facts<'a>,
}

/// What is known of a Grant. Its apply is the worse one of its owner's and its readers' tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantFacts<'a> {
    /// What every kind has.
    pub object: Facts<'a>,
    /// Whether, and by what, it has ended.
    pub end: Option<End>,
    /// How many flows read by it, in the plan.
    pub readers: usize,
    /// Whether a process that publishes to its topic may not know of its readers yet.
    pub publishers_behind: bool,
    /// What was noted when it ended, if anybody read by it.
    pub revocation: Option<Revocation>,
}

/// By what a Grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `spec.revoked`.
    Revoked,
    /// `spec.expires` has passed.
    Expired,
}

/// What was noted when a Grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When the end of the last import was verified.
    pub at: Timestamp,
    /// Messages removed by `revocation: Cut`, of all readers together.
    pub messages_removed: u64,
}

impl<'a> From<&'a Program> for Planned<'a> {
    fn from(program: &'a Program) -> Self {
        Self {
            generation: program.generation,
            hash: &program.hash,
            suspended: program.suspended,
        }
    }
}
