//! Whose statuses may differ from what was last told: all that a change can reach, and little more.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use vrsky_plan::TenantId;

use crate::index::{Index, Key};
use crate::inventory::Inventory;
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

    /// The objects.
    pub(super) fn objects(&self, index: &Index, inventory: &Inventory) -> BTreeSet<Key> {
        let ours = Kind::OURS.into_iter();
        if self.everything {
            let all = ours.flat_map(|kind| index.of(kind));
            return all.map(|(key, _)| key.clone()).collect();
        }
        let mut namespaces: BTreeSet<&str> = self.namespaces.iter().map(String::as_str).collect();
        let mut keys = BTreeSet::new();
        if !self.tenants.is_empty() {
            let pins = inventory.namespaces.iter();
            let own = pins.filter(|(_, pin)| self.tenants.contains(&TenantId::of(&pin.tenant)));
            namespaces.extend(own.map(|(namespace, _)| namespace.as_str()));
            let tenants = index.of(Kind::Tenant);
            let own = tenants.filter(|(_, seen)| self.tenants.contains(&TenantId::of(seen.uid())));
            keys.extend(own.map(|(key, _)| key.clone()));
        }
        for kind in ours {
            let within = namespaces
                .iter()
                .flat_map(|namespace| index.within(kind, namespace));
            keys.extend(within.map(|(key, _)| key.clone()));
        }
        keys
    }
}
