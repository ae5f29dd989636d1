//! What an apply did, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vrsky_plan::{FlowId, TenantId};

/// What was done to make a plan true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Every write, in the order in which it was done. Empty: everything was as planned.
    pub actions: Vec<Action>,
    /// Imports that ended, each verified: nothing published after `at_ms` reaches the reader.
    pub revoked: Vec<Revoked>,
    /// Imports that had ended before, by this or an earlier process, and were not granted again.
    #[serde(skip)]
    pub remembered: Vec<Revoked>,
    /// All of the readers are among those in `failed`.
    #[serde(skip)]
    pub ending: Ending,
    /// Tenants of whom a reader that goes has not read to the end yet: the next apply goes on.
    #[serde(skip)]
    pub draining: BTreeSet<TenantId>,
    /// What could not be done. One tenant's failure holds up no other; the next apply tries again.
    pub failed: Vec<Failure>,
}

/// Readers with imports that have to end, and whose end is not verified: their grants, each
/// `<namespace>/<name>`. `None`: nobody knows which.
pub type Ending = BTreeMap<TenantId, Option<BTreeSet<String>>>;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// The tenant whose part of the broker was written.
    pub tenant: TenantId,
    /// What was done.
    pub verb: Verb,
    /// To what: an account, stream, consumer or subject of NATS, or a flow.
    pub object: String,
    /// Messages concerned, for purges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// An account's token was pushed to every server and read back.
    PushAccount,
    /// An account was closed for good: its tenant is gone from the plan.
    CloseAccount,
    /// A stream was created.
    CreateStream,
    /// A stream's settings or sources were changed.
    UpdateStream,
    /// A stream was deleted with its messages.
    DeleteStream,
    /// A consumer for a grant was created at the owner.
    CreateConsumer,
    /// A consumer for a grant was deleted at the owner.
    DeleteConsumer,
    /// A program was written.
    PutProgram,
    /// A program was removed.
    RemoveProgram,
    /// The list of a tenant's programs was written.
    PutIndex,
    /// Messages of a subject were removed.
    Purge,
}

impl Verb {
    /// The verb in words, for people: "pushed account", "created stream".
    pub fn words(self) -> &'static str {
        match self {
            Self::PushAccount => "pushed account",
            Self::CloseAccount => "closed account",
            Self::CreateStream => "created stream",
            Self::UpdateStream => "updated stream",
            Self::DeleteStream => "deleted stream",
            Self::CreateConsumer => "created consumer",
            Self::DeleteConsumer => "deleted consumer",
            Self::PutProgram => "wrote program",
            Self::RemoveProgram => "removed program",
            Self::PutIndex => "wrote index",
            Self::Purge => "purged",
        }
    }
}

/// An import that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// The grant, `<namespace>/<name>` at the owner.
    pub grant: String,
    /// The owner.
    pub owner: TenantId,
    /// The reader.
    pub reader: TenantId,
    /// The reading flow.
    pub flow: FlowId,
    /// Messages that the reader had received and not finished, removed by `revocation: Cut`.
    pub purged: u64,
    /// When the end was verified, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Something that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The tenant concerned.
    pub tenant: TenantId,
    /// What [`crate::Error::reason`] says.
    pub reason: &'static str,
    /// The error, in one sentence, without secrets.
    pub message: String,
}

impl Applied {
    /// How many writes were made.
    pub fn writes(&self) -> usize {
        self.actions.len()
    }

    pub(crate) fn did(&mut self, tenant: &TenantId, verb: Verb, object: impl Into<String>) {
        self.push(tenant, verb, object.into(), None);
    }

    pub(crate) fn purged(&mut self, tenant: &TenantId, subject: &str, messages: u64) {
        self.push(tenant, Verb::Purge, subject.to_owned(), Some(messages));
    }

    pub(crate) fn failed(&mut self, tenant: &TenantId, error: &crate::Error) {
        self.failed.push(Failure {
            tenant: tenant.clone(),
            reason: error.reason(),
            message: error.to_string(),
        });
    }

    fn push(&mut self, tenant: &TenantId, verb: Verb, object: String, messages: Option<u64>) {
        tracing::debug!(%tenant, verb = verb.words(), object, messages, "broker changed");
        self.actions.push(Action {
            tenant: tenant.clone(),
            verb,
            object,
            messages,
        });
    }
}
