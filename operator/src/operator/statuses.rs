//! What is known becomes status, and is written where it differs.

mod flow;
mod grant;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use vrsky_compiler::Diagnostic;
use vrsky_crds::status::Status;
use vrsky_plan::{Tenant, TenantId, TenantName};

use super::Operator;
use crate::apply::CONCURRENT;
use crate::events::{self, Transition};
use crate::index::{Key, Seen};
use crate::kinds::Kind;
use crate::status;
use crate::status::facts::{
    Apply, ConnectorFacts, Deleting, Facts, Tenancy, TenantFacts, TopicFacts, Trouble,
};

/// When what no event tells of is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(1);

impl Operator {
    /// Writes every status that differs from what is seen, and tells of transitions. True if nothing
    /// failed.
    pub(super) async fn tell(&mut self) -> bool {
        let now = Timestamp::now();
        self.waited = false;
        let untold = std::mem::take(&mut self.untold);
        let readers = self.readers();
        let mut changes = Vec::new();
        let mut writes = Vec::new();
        let mut transitions = Vec::new();
        let mut keys = untold.objects(&self.index, &self.inventory.value);
        let due = self.changes.iter().filter(|(_, at)| **at <= now);
        keys.extend(due.map(|(key, _)| key.clone()));
        for key in keys {
            let Some(seen) = self.index.get(&key) else {
                changes.push((key, None));
                continue;
            };
            let previous = seen.told.status();
            let (wanted, change) = self.status(&key, seen, &previous, &readers, now);
            changes.push((key.clone(), change));
            if wanted != previous {
                if let Some(transition) = transition(&key, seen, &previous, &wanted) {
                    transitions.push((key.clone(), seen.uid().to_owned(), transition));
                }
                writes.push((key, seen.metadata.resource_version.to_string(), wanted));
            }
        }
        for (key, change) in changes {
            match change {
                Some(at) => self.changes.insert(key, at),
                None => self.changes.remove(&key),
            };
        }
        // Flows first: who waits for a Topic to be of this generation finds its flows judged by it, too.
        let (flows, others): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .partition(|(key, _, _)| key.kind == Kind::Flow);
        let mut written = self.writer.statuses(&flows).await;
        written.extend(self.writer.statuses(&others).await);
        let writes = flows.into_iter().chain(others);
        let mut told = BTreeSet::new();
        let mut is_done = true;
        for ((key, _, wanted), written) in writes.zip(written) {
            match written {
                Ok(version) => {
                    let is_told = version.is_some();
                    self.index.told(&key, wanted, version);
                    if is_told {
                        told.insert(key);
                    }
                }
                Err(error) => {
                    tracing::warn!(event = "status_failed", %error);
                    self.untold.object(Some(&key));
                    is_done = false;
                }
            }
        }
        self.counted = false;
        let recorder = &self.recorder;
        let news = transitions.into_iter();
        let news = news.filter(|(key, _, _)| told.contains(key));
        let events = news.map(|(key, uid, transition)| async move {
            recorder.tell(&key, uid, &transition).await;
        });
        let events = stream::iter(events).buffer_unordered(CONCURRENT);
        let count = events.count().await;
        self.recorder.told(count);
        is_done
    }

    /// Whether a status may differ from what was last told.
    pub(super) fn has_to_tell(&self) -> bool {
        let now = Timestamp::now();
        let is_due = || self.changes.values().any(|at| *at <= now);
        !self.names.is_empty() && (!self.untold.is_empty() || is_due())
    }

    /// How many objects are ready, for metrics.
    pub(super) fn count(&mut self) {
        if std::mem::replace(&mut self.counted, true) {
            return;
        }
        let mut count: BTreeMap<(&'static str, bool), usize> = BTreeMap::new();
        for (key, seen) in Kind::OURS.into_iter().flat_map(|kind| self.index.of(kind)) {
            let kind = (key.kind.name(), seen.told.is_ready());
            *count.entry(kind).or_default() += 1;
        }
        self.health.objects(count);
    }

    /// Who reads by each grant.
    fn readers(&self) -> BTreeMap<&str, Vec<&TenantId>> {
        let mut readers: BTreeMap<&str, Vec<&TenantId>> = BTreeMap::new();
        for tenant in self.plan.tenants.values() {
            for import in &tenant.imports {
                readers.entry(&import.grant).or_default().push(&tenant.id);
            }
        }
        readers
    }

    /// An object's status, and when it changes by itself.
    fn status(
        &self,
        key: &Key,
        seen: &Seen,
        previous: &Status,
        readers: &BTreeMap<&str, Vec<&TenantId>>,
        now: Timestamp,
    ) -> (Status, Option<Timestamp>) {
        let found = self.diagnostics.get(key);
        let diagnostics: Vec<&Diagnostic> = found.into_iter().flatten().collect();
        let owner = self.owner(key, seen);
        let mut object = self.facts(key, seen, owner, &diagnostics);
        match key.kind {
            Kind::Flow => self.flow(key, object, owner, previous, now),
            Kind::Grant => {
                let owner = owner.map(|(_, tenant)| tenant);
                let facts = self.grant(key, seen, object, owner, readers, now);
                let status = status::grant(&facts, previous, now);
                let next = status::next_change(&status, &[], now);
                // Publishers in other namespaces say nothing of this one.
                let soon = facts.publishers_behind.then(|| now + LOOK_AGAIN);
                let next = next.into_iter().chain(soon).min();
                (status, next)
            }
            Kind::Tenant => {
                let content = seen.content();
                let (missing, replaced) = self.namespaces(&content);
                if let Some(message) = self.refused_compute(owner) {
                    object.refuse(message);
                }
                let facts = TenantFacts {
                    object,
                    missing: &missing,
                    replaced: &replaced,
                };
                let status = status::tenant(&facts, previous, now);
                let next = status::next_change(&status, &[], now);
                (status, next)
            }
            Kind::Topic => {
                let status = status::topic(&TopicFacts { object }, previous, now);
                let next = status::next_change(&status, &[], now);
                (status, next)
            }
            _ => {
                let status = status::connector(&ConnectorFacts { object }, previous, now);
                let next = status::next_change(&status, &[], now);
                (status, next)
            }
        }
    }

    fn facts<'a>(
        &'a self,
        key: &'a Key,
        seen: &Seen,
        owner: Option<(&TenantName, &Tenant)>,
        diagnostics: &'a [&'a Diagnostic],
    ) -> Facts<'a> {
        let id = match key.kind {
            Kind::Tenant => Some(TenantId::of(seen.uid())),
            _ => owner.map(|(_, tenant)| tenant.id.clone()),
        };
        Facts {
            namespace: &key.namespace,
            name: &key.name,
            generation: seen.generation(),
            deleting: seen.is_deleting().then(Deleting::default),
            paused: seen.is_paused(),
            held: seen.is_paused(),
            diagnostics,
            tenancy: self.tenancy(key, owner.is_some()),
            apply: id.map_or(Apply::Pending, |id| self.applied_to(&id)),
        }
    }

    /// The tenant of an object, if the plan has it.
    fn owner(&self, key: &Key, seen: &Seen) -> Option<(&TenantName, &Tenant)> {
        let uid = match key.kind {
            Kind::Tenant => seen.uid(),
            _ => &self.inventory.value.namespaces.get(&*key.namespace)?.tenant,
        };
        let name = self.names.get(&TenantId::of(uid))?;
        let (name, tenant) = self.plan.tenants.get_key_value(name)?;
        Some((name, tenant))
    }

    fn tenancy(&self, key: &Key, has_owner: bool) -> Tenancy {
        if key.kind == Kind::Tenant {
            return Tenancy::Bound;
        }
        if self
            .inventory
            .value
            .is_stranger(&self.index, &key.namespace)
        {
            Tenancy::Replaced
        } else if has_owner {
            Tenancy::Bound
        } else {
            Tenancy::Unbound
        }
    }

    /// Whether NATS follows the plan of a tenant.
    fn applied_to(&self, id: &TenantId) -> Apply<'_> {
        if !self.is_connected() {
            return Apply::Away {
                message: "NATS cannot be reached",
            };
        }
        match self.failed.get(id) {
            Some(failure) if failure.reason == "BrokerUnavailable" => Apply::Away {
                message: &failure.message,
            },
            Some(failure) => Apply::Failed(Trouble {
                reason: failure.reason,
                message: &failure.message,
            }),
            None if self.verified.contains_key(id) => Apply::Done,
            None => Apply::Pending,
        }
    }

    /// Why a ResourceQuota or LimitRange of a Tenant is not as it says.
    fn refused_compute(&self, owner: Option<(&TenantName, &Tenant)>) -> Option<&str> {
        let namespaces = &owner?.1.compute.as_ref()?.namespaces;
        let mut refused = self.refused.iter();
        let found = refused.find(|(key, _)| {
            matches!(key.kind, Kind::ResourceQuota | Kind::LimitRange)
                && namespaces.contains(&*key.namespace)
        });
        found.map(|(_, message)| message.as_str())
    }

    /// Namespaces that a Tenant lists and that are not there, or not the ones that were bound.
    fn namespaces<'a>(&self, tenant: &'a Value) -> (Vec<&'a str>, Vec<&'a str>) {
        let listed = tenant["spec"]["namespaces"].as_array();
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        let (mut missing, mut replaced) = (Vec::new(), Vec::new());
        for namespace in listed {
            if self
                .index
                .get(&Key::new(Kind::Namespace, "", namespace))
                .is_none()
            {
                missing.push(namespace);
            } else if self.inventory.value.is_stranger(&self.index, namespace) {
                replaced.push(namespace);
            }
        }
        (missing, replaced)
    }
}

/// The status, reason and message of `Ready`.
fn ready(status: &Status) -> Option<(&str, &str, &str)> {
    let ready = status.conditions.iter().find(|one| one.type_ == "Ready")?;
    Some((&ready.status, &ready.reason, &ready.message))
}

/// What to tell of a change: `Ready` has another status or another reason. That something new is on
/// its way is none.
fn transition(key: &Key, seen: &Seen, before: &Status, after: &Status) -> Option<Transition> {
    let (status, reason, message) = ready(after)?;
    let is_stalled = after.conditions.iter().any(|one| one.type_ == "Stalled");
    let is_news = match ready(before) {
        Some((old, why, _)) => (old, why) != (status, reason),
        None => status == "True" || is_stalled,
    };
    is_news.then(|| Transition {
        reason: reason.to_owned(),
        note: message.to_owned(),
        is_bad: is_stalled,
        kustomization: events::kustomization(key, seen).filter(|_| is_stalled),
    })
}
