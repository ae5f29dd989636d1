//! Which namespace, by UID, is whose: what must survive a restart, and a restore from a backup.
//!
//! A name proves nothing: whoever deletes a namespace and makes one of the same name would otherwise
//! inherit its tenant's rights (as in CVE-2024-39690).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::{Index, Key};
use crate::kinds::Kind;
use crate::names::REBIND;

/// Pinned namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    /// By the namespace's name.
    pub namespaces: BTreeMap<String, Pin>,
}

/// One pinned namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// The namespace's UID.
    pub uid: String,
    /// The UID of the Tenant that it belongs to.
    pub tenant: String,
}

impl Inventory {
    /// The pins that follow from what is seen. A namespace is pinned when it is first seen beside a
    /// Tenant that names it, and stays so until no Tenant names it any more. Pure.
    pub fn follow(&self, index: &Index) -> Self {
        let mut next = Self::default();
        for (_, tenant) in index.of(Kind::Tenant) {
            for namespace in namespaces(&tenant.data) {
                let Some(seen) = index.get(&Key::new(Kind::Namespace, "", namespace)) else {
                    // Not there at the moment: the pin stays, or a successor could take its place.
                    if let Some(pin) = self.namespaces.get(namespace) {
                        next.namespaces.insert(namespace.to_owned(), pin.clone());
                    }
                    continue;
                };
                let pin = match self.namespaces.get(namespace) {
                    Some(pin)
                        if pin.tenant == tenant.uid()
                            && !rebinds(tenant.annotation(REBIND), namespace, seen.uid()) =>
                    {
                        pin.clone()
                    }
                    // Another Tenant that is still there has it.
                    Some(pin)
                        if pin.tenant != tenant.uid() && names(index, &pin.tenant, namespace) =>
                    {
                        pin.clone()
                    }
                    _ => Pin {
                        uid: seen.uid().to_owned(),
                        tenant: tenant.uid().to_owned(),
                    },
                };
                next.namespaces.entry(namespace.to_owned()).or_insert(pin);
            }
        }
        next
    }

    /// Whether a namespace only has the name of one that was pinned.
    pub fn is_stranger(&self, index: &Index, namespace: &str) -> bool {
        let seen = index.get(&Key::new(Kind::Namespace, "", namespace));
        match (self.namespaces.get(namespace), seen) {
            (Some(pin), Some(seen)) => pin.uid != seen.uid(),
            _ => false,
        }
    }
}

/// The namespaces that a Tenant names.
fn namespaces(data: &serde_json::Value) -> impl Iterator<Item = &str> {
    let list = data["spec"]["namespaces"].as_array();
    list.into_iter().flatten().filter_map(|one| one.as_str())
}

/// Whether the Tenant with this UID names the namespace.
fn names(index: &Index, tenant: &str, namespace: &str) -> bool {
    index
        .of(Kind::Tenant)
        .any(|(_, seen)| seen.uid() == tenant && namespaces(&seen.data).any(|one| one == namespace))
}

/// Whether an admin has said that the namespace with this UID takes the place of the former one.
fn rebinds(annotation: Option<&str>, namespace: &str, uid: &str) -> bool {
    annotation
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|entry| entry.trim().split_once('='))
        .any(|(name, wanted)| name == namespace && wanted == uid)
}
