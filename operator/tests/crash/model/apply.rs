//! Server-side apply. Who has applied what is remembered as it was applied: what a manager leaves out
//! the next time goes, unless another one has applied it, too. Always by force, as the operator does.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;

use super::change::conflict;
use super::route::Route;
use super::store::{Object, Path, Store, is_deleting};
use super::{Answer, refused};

/// By manager.
pub(super) type Owned = BTreeMap<String, Value>;

impl Store {
    pub(super) fn apply(&mut self, route: &Route, path: &Path, body: &Value) -> Answer {
        if !route.force || route.manager.is_empty() {
            return refused(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "without force",
            );
        }
        let config = config(body, path.resource.custom);
        let by = route.manager.clone();
        let uid = &body["metadata"]["uid"];
        let Some(before) = self.objects.get(path).cloned() else {
            if uid.is_string() {
                return conflict(path, "uid mismatch: no existing object was found");
            }
            let owned = Owned::from([(by, config)]);
            return self.make(
                path,
                body,
                Object {
                    owned,
                    ..Object::default()
                },
            );
        };
        let mut owned = before.owned.clone();
        let last = owned.insert(by.clone(), config.clone()).unwrap_or_default();
        let others: Vec<&Value> = owned
            .iter()
            .filter(|(manager, _)| **manager != by)
            .map(|(_, config)| config)
            .collect();
        let mut value = before.value.clone();
        take_away(&mut value, &last, &config, &others, "");
        lay_over(&mut value, &config, "");
        if let Some(invalid) = invalid(&before.value, body, &value) {
            return invalid;
        }
        (
            StatusCode::OK,
            self.update_owned(path, &before, value, owned),
        )
    }
}

/// What of an applied object counts: not the status of a custom kind, and never what only names the
/// object.
fn config(body: &Value, custom: bool) -> Value {
    let mut config = body.clone();
    let Some(fields) = config.as_object_mut() else {
        return config;
    };
    fields.remove("apiVersion");
    fields.remove("kind");
    if custom {
        fields.remove("status");
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "creationTimestamp",
        ] {
            metadata.remove(field);
        }
    }
    config
}

/// Whether a list is merged, not applied whole. The real one merges some lists of built-in kinds by
/// key. Only the operator applies those.
fn is_set(place: &str) -> bool {
    place == ".metadata.finalizers"
}

/// Takes away what was applied the last time and is not any more.
fn take_away(value: &mut Value, former: &Value, wanted: &Value, others: &[&Value], place: &str) {
    match (value, former) {
        (Value::Object(value), Value::Object(former)) => {
            for (field, former) in former {
                let Some(held) = value.get_mut(field) else {
                    continue;
                };
                let foreign: Vec<&Value> = others.iter().filter_map(|it| it.get(field)).collect();
                let place = format!("{place}.{field}");
                let still = wanted.get(field);
                let is_composed = former.is_object() || is_set(&place);
                if is_composed {
                    take_away(
                        held,
                        former,
                        still.unwrap_or(&Value::Null),
                        &foreign,
                        &place,
                    );
                }
                let is_left = is_composed && !is_empty(held);
                if still.is_none() && foreign.is_empty() && !is_left {
                    value.remove(field);
                }
            }
        }
        (Value::Array(held), Value::Array(former)) => {
            let is_in =
                |list: &Value, one: &Value| list.as_array().is_some_and(|list| list.contains(one));
            held.retain(|one| {
                !former.contains(one)
                    || is_in(wanted, one)
                    || others.iter().any(|list| is_in(list, one))
            });
        }
        _ => {}
    }
}

/// Lays what is applied over what is.
fn lay_over(value: &mut Value, config: &Value, place: &str) {
    match (&mut *value, config) {
        (Value::Object(fields), Value::Object(config)) => {
            for (field, config) in config {
                let held = fields.entry(field.clone()).or_insert(Value::Null);
                lay_over(held, config, &format!("{place}.{field}"));
            }
        }
        (Value::Array(items), Value::Array(config)) if is_set(place) => {
            for one in config {
                if !items.contains(one) {
                    items.push(one.clone());
                }
            }
        }
        _ => *value = config.clone(),
    }
}

/// The answer to a change of another object than was meant, or to a finalizer that is added while the
/// object is being deleted.
pub(super) fn invalid(before: &Value, body: &Value, after: &Value) -> Option<Answer> {
    let uid = &body["metadata"]["uid"];
    let is_other = uid.is_string() && *uid != before["metadata"]["uid"];
    let added = finalizers(after).any(|it| finalizers(before).all(|had| had != it));
    let message = if is_other {
        "metadata.uid: field is immutable"
    } else if is_deleting(before) && added {
        "no new finalizers can be added if the object is being deleted"
    } else {
        return None;
    };
    Some(refused(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Invalid",
        message,
    ))
}

fn finalizers(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}
