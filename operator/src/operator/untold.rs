//! Whose statuses may differ from what was last told: all that a change can reach, and little more.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use vrsky_plan::TenantId;

use crate::index::Key;
use crate::kinds::Kind;

/// The object that an event names; the end of a list does not name what it no longer holds.
pub(super) fn about(kind: Kind, event: &Event<DynamicObject>) -> Option<Key> {
    match event {
        Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) => {
            Some(Key::of(kind, &object.metadata))
        }
        Event::Init | Event::InitDone => None,
    }
}

/// Objects whose statuses have to be looked at.
#[derive(Debug, Default)]
pub(super) struct Untold {
    everything: bool,
    namespaces: BTreeSet<String>,
    tenants: BTreeSet<TenantId>,
}

impl Untold {
    /// All of them.
    pub(super) fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        !self.everything && self.namespaces.is_empty() && self.tenants.is_empty()
    }

    /// Something about an object; `None`: about any. A Tenant reaches objects in any
    /// namespace, and a Namespace the Tenants that name it.
    pub(super) fn object(&mut self, key: Option<&Key>) {
        match key {
            Some(key) if !key.namespace.is_empty() => self.namespace(&key.namespace),
            _ => self.everything = true,
        }
    }

    /// Something in a namespace.
    pub(super) fn namespace(&mut self, namespace: &str) {
        if !self.namespaces.contains(namespace) {
            self.namespaces.insert(namespace.to_owned());
        }
    }

    /// Something about tenants.
    pub(super) fn tenants(&mut self, tenants: impl IntoIterator<Item = TenantId>) {
        self.tenants.extend(tenants);
    }

    /// Whether an object is among them; `owner` is its tenant.
    pub(super) fn holds<'a>(
        &self,
        key: &Key,
        owner: impl FnOnce() -> Option<&'a TenantId>,
    ) -> bool {
        self.everything
            || self.namespaces.contains(&key.namespace)
            || (!self.tenants.is_empty() && owner().is_some_and(|id| self.tenants.contains(id)))
    }
}
