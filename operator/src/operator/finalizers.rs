//! What has something in NATS is kept until that is gone.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use vrsky_plan::{FlowId, TenantId};

use super::Operator;
use crate::index::{Key, Seen};
use crate::kinds::Kind;
use crate::status;

/// So long, and no longer, does a deletion wait. What is left in NATS then is not forgotten: every
/// round compares it with the plan.
const AT_MOST: SignedDuration = SignedDuration::from_mins(5);

impl Operator {
    /// Puts the finalizer on what will have something in NATS. True if nothing failed.
    pub(super) async fn keep(&mut self) -> bool {
        let objects = self.index.unsettled();
        let objects: Vec<(Key, Seen)> = objects
            .filter(|(_, seen)| !seen.is_deleting() && !seen.metadata.is_kept)
            .filter(|(key, _)| {
                key.kind == Kind::Tenant
                    || self
                        .inventory
                        .value
                        .namespaces
                        .contains_key(&*key.namespace)
            })
            .map(|(key, seen)| (key.clone(), seen.clone()))
            .collect();
        self.finalize(objects, true).await
    }

    /// Takes the finalizer off what has nothing in NATS any more. True if nothing failed.
    pub(super) async fn let_go(&mut self) -> bool {
        let now = Timestamp::now();
        let objects = self.index.unsettled();
        let objects: Vec<(Key, Seen)> = objects
            .filter(|(_, seen)| seen.is_deleting() && seen.metadata.is_kept)
            .filter(|(key, seen)| is_overdue(seen, now) || self.is_gone(key, seen))
            .map(|(key, seen)| (key.clone(), seen.clone()))
            .collect();
        for (key, seen) in &objects {
            if is_overdue(seen, now) && !self.is_gone(key, seen) {
                tracing::warn!(event = "deletion_overdue", object = key.origin());
            }
        }
        self.finalize(objects, false).await
    }

    /// Flows that are being deleted while they are at zero, or wake: so that they read to the end.
    pub(super) fn staying(&mut self) -> BTreeSet<Key> {
        let now = Timestamp::now();
        let leaving = self.index.unsettled().filter(|(key, seen)| {
            key.kind == Kind::Flow
                && seen.is_deleting()
                && seen.metadata.is_kept
                && !is_past(seen, status::WAKES_WITHIN, now)
        });
        let mut staying = BTreeSet::new();
        for (key, _) in leaving {
            let pin = self.inventory.value.namespaces.get(&*key.namespace);
            let flow = FlowId::new(&key.namespace, &key.name);
            if let (Some(pin), Ok(flow)) = (pin, flow)
                && self
                    .autoscale
                    .stays(&TenantId::of(&pin.tenant), &flow, &self.reports)
            {
                staying.insert(key.clone());
            }
        }
        staying
    }

    async fn finalize(&mut self, objects: Vec<(Key, Seen)>, keep: bool) -> bool {
        let mut is_done = true;
        for written in self.writer.finalizers(objects, keep).await {
            match written {
                Ok(Some((key, metadata))) => self.index.wrote(&key, metadata),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(event = "finalizer_failed", %error);
                    is_done = false;
                }
            }
        }
        is_done
    }

    /// Whether NATS and Kubernetes have nothing of the object any more.
    fn is_gone(&self, key: &Key, seen: &Seen) -> bool {
        match key.kind {
            Kind::Tenant => {
                let id = TenantId::of(seen.uid());
                self.is_settled(&id) && !self.has_objects(&key.name)
            }
            // A revocation is a matter of both sides, whoever they are.
            Kind::Grant => self.failed.is_empty() && self.is_owner_settled(key),
            _ => !self.staying.contains(key) && self.is_owner_settled(key),
        }
    }

    /// Whether the tenant of the object's namespace is as planned; true if it has none.
    fn is_owner_settled(&self, key: &Key) -> bool {
        let pin = self.inventory.value.namespaces.get(&*key.namespace);
        pin.is_none_or(|pin| self.is_settled(&TenantId::of(&pin.tenant)))
    }

    /// Whether a tenant's part of NATS is as planned.
    fn is_settled(&self, id: &TenantId) -> bool {
        let was_never = self.keys.value.tenant_ids().all(|one| one != id);
        let is_verified = self.verified.contains_key(id) && !self.draining.contains(id);
        was_never || (is_verified && !self.failed.contains_key(id))
    }

    /// Whether there is anything of a tenant's in Kubernetes that the operator made.
    fn has_objects(&self, tenant: &str) -> bool {
        let made = Kind::MADE.into_iter().flat_map(|kind| self.index.of(kind));
        made.into_iter()
            .any(|(_, seen)| seen.label(crate::names::TENANT) == Some(tenant))
    }
}

fn is_overdue(seen: &Seen, now: Timestamp) -> bool {
    is_past(seen, AT_MOST, now)
}

/// Whether its deletion was asked for longer ago than this.
fn is_past(seen: &Seen, limit: SignedDuration, now: Timestamp) -> bool {
    let asked = seen.metadata.deleted;
    asked.is_some_and(|asked| now.as_second() - asked > limit.as_secs())
}
