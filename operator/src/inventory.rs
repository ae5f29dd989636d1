//! Which namespace, by UID, is whose, and what Tenants and Grants said: what must survive a restart, and a
//! restore from a backup.
//!
//! A name proves nothing: whoever deletes a namespace and makes one of the same name would otherwise
//! inherit its tenant's rights (as in CVE-2024-39690).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::index::{Index, Key, Seen};
use crate::kinds::Kind;
use crate::names::REBIND;

/// The kinds of which is remembered what they said: those that decide about others. (Of a Flow, its program
/// is known; and how long the specs of the rest may be has no bound.)
const REMEMBERED: [Kind; 2] = [Kind::Tenant, Kind::Grant];
/// More objects than so many are not remembered: with some 40 bytes each, deflated, they leave half of a
/// ConfigMap to the pins.
const MOST: usize = 10_000;

/// Pinned namespaces, and what was sound. What a newer operator has added is not read, so that an older one
/// can take its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// By the namespace's name.
    pub namespaces: BTreeMap<String, Pin>,
    /// The `spec` of each Tenant and each Grant, by its UID, as it was when last nothing was wrong with it.
    /// JSON, stored apart.
    #[serde(skip)]
    pub sound: BTreeMap<String, Box<str>>,
}

/// One pinned namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The namespace's UID.
    pub uid: String,
    /// The UID of the Tenant that it belongs to.
    pub tenant: String,
}

impl Inventory {
    /// What follows from what is seen. A namespace is pinned when it is first seen beside a Tenant that
    /// names it, and stays so until no Tenant names it any more. Pure.
    pub fn follow(&self, index: &Index) -> Self {
        let mut next = Self::default();
        for (_, tenant) in index.of(Kind::Tenant) {
            let Some(named) = namespaces(&tenant.content()) else {
                // Nobody can read which it names: what is pinned stays.
                let pinned = self.namespaces.iter();
                let own = pinned.filter(|(_, pin)| pin.tenant == tenant.uid());
                let own = own.map(|(namespace, pin)| (namespace.clone(), pin.clone()));
                next.namespaces.extend(own);
                continue;
            };
            for namespace in &named {
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
        let objects = REMEMBERED.into_iter().flat_map(|kind| index.of(kind));
        let sound = objects.filter_map(|(_, seen)| {
            let known = || self.sound.get(seen.uid()).cloned();
            let spec = seen.sound.as_deref().and_then(spec).or_else(known)?;
            Some((seen.uid().to_owned(), spec))
        });
        next.sound = sound.take(MOST).collect();
        next
    }

    /// What a Tenant or a Grant said when an operator before this one found nothing wrong with it. If it
    /// cannot be read now, a Tenant would otherwise have the default tier and quotas, or lose everything
    /// that it has; and who reads by a Grant would be cut off.
    pub fn remembered(&self, key: &Key, seen: &Seen) -> Option<Arc<str>> {
        let spec = match self.sound.get(seen.uid()) {
            Some(spec) => spec.parse().ok()?,
            None if key.kind != Kind::Tenant => return None,
            // Then what can be read of it is all that there is.
            None if namespaces(&seen.content()).is_some() => return None,
            None => {
                let pins = self.namespaces.iter();
                let own = pins.filter(|(_, pin)| pin.tenant == seen.uid());
                let own: Vec<&String> = own.map(|(namespace, _)| namespace).collect();
                if own.is_empty() {
                    return None;
                }
                json!({"namespaces": own})
            }
        };
        let text = json!({
            "apiVersion": vrsky_crds::API_VERSION,
            "kind": key.kind.name(),
            "metadata": {"namespace": key.namespace, "name": key.name, "uid": seen.uid()},
            "spec": spec,
        });
        Some(text.to_string().into())
    }

    /// Whether a namespace only has the name of one that was pinned.
    pub fn is_stranger(&self, index: &Index, namespace: &str) -> bool {
        let seen = index.get(&Key::new(Kind::Namespace, "", namespace));
        seen.is_some_and(|seen| self.is_another(namespace, seen))
    }

    /// All namespaces that only have the names of those that were pinned.
    pub fn strangers<'a>(&self, index: &'a Index) -> BTreeSet<&'a str> {
        let namespaces = index.of(Kind::Namespace);
        let strangers = namespaces.filter(|(key, seen)| self.is_another(&key.name, seen));
        strangers.map(|(key, _)| &*key.name).collect()
    }

    /// Whether this is another namespace than the one that was pinned.
    fn is_another(&self, namespace: &str, seen: &Seen) -> bool {
        let pin = self.namespaces.get(namespace);
        pin.is_some_and(|pin| pin.uid != seen.uid())
    }
}

/// The `spec` in an object's text, as JSON.
fn spec(text: &str) -> Option<Box<str>> {
    let object: Value = serde_json::from_str(text).ok()?;
    Some(object.get("spec")?.to_string().into())
}

/// The namespaces that a Tenant names, if that can be read.
fn namespaces(tenant: &Value) -> Option<Vec<String>> {
    let list = tenant["spec"]["namespaces"].as_array()?;
    let named = list.iter().filter_map(Value::as_str);
    Some(named.map(str::to_owned).collect())
}

/// Whether the Tenant with this UID names the namespace.
fn names(index: &Index, tenant: &str, namespace: &str) -> bool {
    let mut tenants = index.of(Kind::Tenant);
    tenants.any(|(_, seen)| {
        // One that cannot be read may name it still.
        seen.uid() == tenant
            && namespaces(&seen.content())
                .is_none_or(|named| named.iter().any(|one| one == namespace))
    })
}

/// Whether an admin has said that the namespace with this UID takes the place of the former one.
fn rebinds(annotation: Option<&str>, namespace: &str, uid: &str) -> bool {
    annotation
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|entry| entry.trim().split_once('='))
        .any(|(name, wanted)| name == namespace && wanted == uid)
}
