//! From what should be and what is to what is to be done. Pure: it never reads the cluster.

use std::collections::BTreeSet;

use serde_json::Value;
use vrsky_plan::{Plan, TenantId};

use crate::index::{Index, Key, Seen};
use crate::kinds::Kind;
use crate::names::{HASH, NAME};
use crate::objects::Objects;

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Server-side apply of a whole object.
    Apply(Key, Value),
    /// Deletion, if it is still the object that was seen; of a Secret, which is never seen, whatever
    /// it is.
    Delete {
        /// Which.
        key: Key,
        /// Its UID and version.
        seen: Option<(String, String)>,
    },
}

impl Action {
    /// The object that it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Apply(key, _) | Self::Delete { key, .. } => key,
        }
    }
}

/// Namespaces in which what is there may differ from what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// All of them.
    Everywhere,
    /// These.
    In(BTreeSet<String>),
}

impl Where {
    /// None.
    pub fn nowhere() -> Self {
        Self::In(BTreeSet::new())
    }

    /// In this namespace, too.
    pub fn add(&mut self, namespace: &str) {
        if let Self::In(namespaces) = self
            && !namespaces.contains(namespace)
        {
            namespaces.insert(namespace.to_owned());
        }
    }

    pub(crate) fn holds(&self, namespace: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// What is to be done in tenants' namespaces: what is made, then what goes, in the reverse of the order
/// [`Kind::MADE`]. Nothing goes while a list is incomplete. Nothing is compared but `places`, and
/// `desired` is what should be there.
pub fn reconcile(desired: Objects, observed: &Index, places: &Where) -> Vec<Action> {
    let gone = if observed.is_ready() {
        gone(&desired, observed, places)
    } else {
        Vec::new()
    };
    let made = desired.into_iter().filter(|(key, object)| {
        is_there(observed, &key.namespace) && differs(object, observed.get(key))
    });
    made.map(|(key, object)| Action::Apply(key, object))
        .chain(gone)
        .collect()
}

/// What goes.
fn gone(desired: &Objects, observed: &Index, places: &Where) -> Vec<Action> {
    let mut actions = Vec::new();
    for kind in Kind::MADE.into_iter().rev() {
        let there: Vec<(&Key, &Seen)> = match places {
            Where::Everywhere => observed.of(kind).collect(),
            Where::In(namespaces) => namespaces
                .iter()
                .flat_map(|namespace| observed.within(kind, namespace))
                .collect(),
        };
        let gone = there.into_iter().filter(|(key, seen)| {
            !desired.contains_key(key) && is_made(seen) && !seen.is_deleting()
        });
        actions.extend(gone.map(|(key, seen)| Action::Delete {
            key: key.clone(),
            seen: Some((
                seen.uid().to_owned(),
                seen.metadata.resource_version.clone().into(),
            )),
        }));
    }
    actions
}

/// The tenants that a change from `before` to `after` can touch: those whose part differs, and the
/// owners of what they read or read before.
pub fn touched(before: &Plan, after: &Plan) -> BTreeSet<TenantId> {
    let mut touched = BTreeSet::new();
    for (one, other) in [(before, after), (after, before)] {
        let tenants = one.tenants.iter();
        for (_, tenant) in tenants.filter(|(name, it)| other.tenants.get(*name) != Some(it)) {
            touched.insert(tenant.id.clone());
            touched.extend(tenant.imports.iter().map(|import| import.owner_id.clone()));
        }
    }
    touched
}

/// `tenants` with the owners of what they read: a grant is one matter of both sides.
pub fn with_owners(plan: &Plan, mut tenants: BTreeSet<TenantId>) -> BTreeSet<TenantId> {
    let readers = plan.tenants.values();
    let owners: Vec<TenantId> = readers
        .filter(|reader| tenants.contains(&reader.id))
        .flat_map(|reader| reader.imports.iter().map(|import| import.owner_id.clone()))
        .collect();
    tenants.extend(owners);
    tenants
}

/// Whether a namespace exists and is to stay.
fn is_there(observed: &Index, namespace: &str) -> bool {
    observed
        .get(&Key::new(Kind::Namespace, "", namespace))
        .is_some_and(|seen| !seen.is_deleting())
}

/// Whether the operator made it: a label alone may be anybody's.
fn is_made(seen: &Seen) -> bool {
    seen.label(NAME.0) == Some(NAME.1) && seen.annotation(HASH).is_some()
}

/// Whether an object is not as it should be.
fn differs(desired: &Value, seen: Option<&Seen>) -> bool {
    let Some(seen) = seen else { return true };
    let hash = desired["metadata"]["annotations"][HASH].as_str();
    if seen.annotation(HASH) != hash {
        return true;
    }
    let labels = serde_json::json!(seen.metadata.labels);
    if !covers(&labels, &desired["metadata"]["labels"]) {
        return true;
    }
    let actual = seen.content();
    let fields = desired.as_object().into_iter().flatten();
    fields
        .filter(|(field, _)| !matches!(field.as_str(), "apiVersion" | "kind" | "metadata"))
        .any(|(field, value)| !covers(&actual[field], value))
}

/// Whether `actual` has all that `wanted` says; what the API server or others add does not count.
fn covers(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => wanted.iter().all(|(field, wanted)| {
            // Vertical autoscalers own these once a pod runs, and the server writes them in its own
            // notation.
            if matches!(field.as_str(), "limits" | "requests") && wanted.is_object() {
                return true;
            }
            match actual.get(field) {
                None | Some(Value::Null) => is_empty(wanted),
                Some(actual) => covers(actual, wanted),
            }
        }),
        (Value::Array(actual), Value::Array(wanted)) => covers_list(actual, wanted),
        _ => actual == wanted,
    }
}

/// Lists of named things are compared by name: others may add to them. Other lists are compared
/// whole.
fn covers_list(actual: &[Value], wanted: &[Value]) -> bool {
    if !wanted.is_empty() && wanted.iter().all(|one| one["name"].is_string()) {
        return wanted.iter().all(|wanted| {
            let same = actual.iter().find(|one| one["name"] == wanted["name"]);
            same.is_some_and(|actual| covers(actual, wanted))
        });
    }
    actual.len() == wanted.len()
        && actual
            .iter()
            .zip(wanted)
            .all(|(actual, wanted)| covers(actual, wanted))
}

/// The server leaves empty things out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(value) => !value,
        Value::String(text) => text.is_empty(),
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::covers;

    #[test]
    fn what_the_server_adds_leaves_out_or_owns_is_no_difference() {
        let wanted = json!({"a": {"empty": [], "no": false}, "list": [{"name": "x", "port": 1}]});
        let actual = json!({
            "a": {"empty": null, "default": 5},
            "list": [{"name": "injected"}, {"name": "x", "port": 1, "protocol": "TCP"}],
            "status": {},
        });
        assert!(covers(&actual, &wanted));
        let resources = json!({"limits": {"cpu": "0.5"}});
        assert!(covers(&json!({"limits": {"cpu": "500m"}}), &resources));
    }

    #[test]
    fn what_others_changed_is_a_difference() {
        for (actual, wanted) in [
            (json!({"replicas": 0}), json!({"replicas": 1})),
            (json!({}), json!({"replicas": 1})),
            (
                json!({"list": [{"name": "y"}]}),
                json!({"list": [{"name": "x"}]}),
            ),
            (json!({"args": ["a", "b"]}), json!({"args": ["a"]})),
            (json!({"args": ["b"]}), json!({"args": ["a"]})),
        ] {
            assert!(!covers(&actual, &wanted), "{actual} {wanted}");
        }
    }
}
