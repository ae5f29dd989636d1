//! Creating, replacing, merging, deleting; what applies is in `apply.rs`.

use http::StatusCode;
use serde_json::{Value, json};

use super::apply::invalid;
use super::read::not_found;
use super::route::Route;
use super::store::{Object, Path, Store, is_deleting};
use super::{Answer, refused};

impl Store {
    pub(super) fn create(&mut self, route: &Route, body: &Value) -> Answer {
        let Some(name) = body["metadata"]["name"].as_str() else {
            return refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "no name");
        };
        let namespace = &body["metadata"]["namespace"];
        if namespace.is_string() && *namespace != route.namespace {
            let message = "the namespace of the provided object does not match the request's";
            return refused(StatusCode::BAD_REQUEST, "BadRequest", message);
        }
        let path = Path {
            resource: route.resource,
            namespace: route.namespace.clone(),
            name: name.to_owned(),
        };
        self.make(&path, body, Object::default())
    }

    /// Creates an object; `object` has what is known of its owners.
    pub(super) fn make(&mut self, path: &Path, body: &Value, mut object: Object) -> Answer {
        if self.objects.contains_key(path) {
            let message = format!("{} \"{}\" already exists", path.resource.plural, path.name);
            return refused(StatusCode::CONFLICT, "AlreadyExists", &message);
        }
        if path.resource.namespaced {
            match self.namespace(&path.namespace) {
                None => {
                    let message = format!("namespaces \"{}\" not found", path.namespace);
                    return refused(StatusCode::NOT_FOUND, "NotFound", &message);
                }
                Some(namespace) if is_deleting(namespace) => {
                    let message = format!("namespace {} is being terminated", path.namespace);
                    return refused(StatusCode::FORBIDDEN, "Forbidden", &message);
                }
                Some(_) => {}
            }
        }
        let mut value = body.clone();
        let metadata = &mut value["metadata"];
        metadata["uid"] = json!(self.uid(path));
        metadata["creationTimestamp"] = json!(now());
        if path.resource.namespaced {
            metadata["namespace"] = json!(path.namespace);
        }
        if path.resource.counts {
            metadata["generation"] = json!(1);
        }
        value["apiVersion"] = json!(path.resource.version);
        value["kind"] = json!(path.resource.kind);
        if path.resource.custom {
            value["status"] = json!({"observedGeneration": -1, "conditions": []});
        } else if path.resource.kind == "Namespace" {
            value["status"] = json!({"phase": "Active"});
        }
        object.value = value;
        (StatusCode::CREATED, self.put(path, object))
    }

    pub(super) fn replace(&mut self, path: &Path, is_status: bool, body: &Value) -> Answer {
        let Some(before) = self.objects.get(path).cloned() else {
            return not_found(path);
        };
        let wanted = &body["metadata"]["resourceVersion"];
        if !wanted.is_string() {
            return refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "no version");
        }
        if *wanted != before.value["metadata"]["resourceVersion"] {
            return conflict(path, "the object has been modified");
        }
        if is_status {
            let mut value = before.value.clone();
            value["status"] = body["status"].clone();
            return (StatusCode::OK, self.update(path, &before, value));
        }
        let mut value = body.clone();
        for field in ["uid", "creationTimestamp", "namespace", "generation"] {
            let held = &before.value["metadata"][field];
            if !held.is_null() {
                value["metadata"][field] = held.clone();
            }
        }
        value["apiVersion"] = json!(path.resource.version);
        value["kind"] = json!(path.resource.kind);
        (StatusCode::OK, self.update(path, &before, value))
    }

    pub(super) fn merge(&mut self, path: &Path, body: &Value) -> Answer {
        let Some(before) = self.objects.get(path).cloned() else {
            return not_found(path);
        };
        let mut value = before.value.clone();
        let mut change = body.clone();
        if path.resource.custom
            && let Some(change) = change.as_object_mut()
        {
            change.remove("status");
        }
        merge(&mut value, &change);
        let version = &body["metadata"]["resourceVersion"];
        if version.is_string() && *version != before.value["metadata"]["resourceVersion"] {
            return conflict(path, "the object has been modified");
        }
        if let Some(invalid) = invalid(&before.value, body, &value) {
            return invalid;
        }
        (StatusCode::OK, self.update(path, &before, value))
    }

    /// Stores what an object has become: a new generation if what is asked for differs, nothing if
    /// nothing differs, and the end of one that was only waiting for its last finalizer.
    pub(super) fn update(&mut self, path: &Path, before: &Object, value: Value) -> Value {
        self.update_owned(path, before, value, before.owned.clone())
    }

    pub(super) fn update_owned(
        &mut self,
        path: &Path,
        before: &Object,
        mut value: Value,
        owned: super::apply::Owned,
    ) -> Value {
        tidy(&mut value);
        value["metadata"]["resourceVersion"] = before.value["metadata"]["resourceVersion"].clone();
        if value == before.value && owned == before.owned {
            return value;
        }
        if path.resource.counts && asked(&value) != asked(&before.value) {
            let generation = before.value["metadata"]["generation"].as_i64();
            value["metadata"]["generation"] = json!(generation.unwrap_or_default() + 1);
        }
        if is_deleting(&value) && value["metadata"]["finalizers"].is_null() {
            self.remove(path);
            return value;
        }
        self.put(path, Object { value, owned })
    }

    pub(super) fn delete(&mut self, path: &Path, body: &Value) -> Answer {
        let Some(before) = self.objects.get(path).cloned() else {
            return not_found(path);
        };
        let wanted = &body["preconditions"];
        for field in ["uid", "resourceVersion"] {
            let held = &before.value["metadata"][field];
            if wanted[field].is_string() && wanted[field] != *held {
                return conflict(path, &format!("the {field} in the precondition differs"));
            }
        }
        let is_namespace = path.resource.kind == "Namespace";
        let waits = is_namespace || before.value["metadata"]["finalizers"].is_array();
        if !waits {
            self.remove(path);
            return (
                StatusCode::OK,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
            );
        }
        if is_deleting(&before.value) {
            return (StatusCode::OK, before.value);
        }
        let mut object = before;
        let metadata = &mut object.value["metadata"];
        metadata["deletionTimestamp"] = json!(now());
        if let Some(generation) = metadata["generation"].as_i64() {
            metadata["generation"] = json!(generation + 1);
        }
        if is_namespace {
            object.value["status"]["phase"] = json!("Terminating");
        } else {
            object.value["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        }
        (StatusCode::OK, self.put(path, object))
    }
}

pub(super) fn conflict(path: &Path, why: &str) -> Answer {
    let message = format!("{} \"{}\": {why}", path.resource.plural, path.name);
    refused(StatusCode::CONFLICT, "Conflict", &message)
}

/// What is asked for: everything but metadata and status.
fn asked(object: &Value) -> Value {
    let mut asked = object.clone();
    if let Some(fields) = asked.as_object_mut() {
        fields.remove("metadata");
        fields.remove("status");
    }
    asked
}

/// Lists and maps of metadata that are empty are not there.
fn tidy(object: &mut Value) {
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return;
    };
    for field in ["finalizers", "labels", "annotations", "ownerReferences"] {
        let is_empty = metadata.get(field).is_some_and(|it| {
            it.is_null()
                || it.as_array().is_some_and(Vec::is_empty)
                || it.as_object().is_some_and(serde_json::Map::is_empty)
        });
        if is_empty {
            metadata.remove(field);
        }
    }
}

/// RFC 7386.
fn merge(value: &mut Value, change: &Value) {
    let Some(change) = change.as_object() else {
        *value = change.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    for (field, change) in change {
        if change.is_null() {
            if let Some(fields) = value.as_object_mut() {
                fields.remove(field);
            }
        } else {
            merge(&mut value[field.as_str()], change);
        }
    }
}

/// In whole seconds, as the API server has it.
fn now() -> String {
    let now = jiff::Timestamp::now();
    let seconds = jiff::Timestamp::from_second(now.as_second()).unwrap();
    seconds.to_string()
}
