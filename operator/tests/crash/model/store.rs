//! The objects, what has happened to them, and the controllers that keep them in order: namespaces
//! end with what is in them, and owned objects go with their owners.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::apply::Owned;
use super::kinds::{self, Resource};
use super::route::Route;
use super::{Answer, refused};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    pub(crate) resource: &'static Resource,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) path: Path,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// An object, and who has applied what of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) value: Value,
    pub(super) owned: Owned,
}

/// All objects.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(super) objects: BTreeMap<Path, Object>,
    pub(super) events: Vec<Event>,
    pub(super) version: u64,
    /// Nothing is remembered up to this version.
    pub(super) forgotten: u64,
    /// How often an object of a path was made: the same in each run, and so are UIDs.
    born: BTreeMap<Path, u64>,
}

impl Store {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn compact(&mut self) {
        self.version += 1;
        self.forgotten = self.version;
        self.events.clear();
    }

    pub(super) fn all(&self) -> Vec<(Path, Value)> {
        let objects = self.objects.iter();
        objects
            .map(|(path, object)| (path.clone(), object.value.clone()))
            .collect()
    }

    pub(super) fn answer(
        &mut self,
        method: &Method,
        route: &Route,
        form: &str,
        body: &Value,
    ) -> Answer {
        if let Some(unknown) = &route.unknown {
            return refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented", unknown);
        }
        let answer = match (method.as_str(), &route.name) {
            ("GET", None) => self.list(route),
            ("GET", Some(name)) => self.read(&route.path(name)),
            ("POST", None) => self.create(route, body),
            ("PUT", Some(name)) => self.replace(&route.path(name), route.is_status, body),
            ("PATCH", Some(_)) if route.is_status => refused(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "a status is put",
            ),
            ("PATCH", Some(name)) if form.starts_with("application/apply-patch") => {
                self.apply(route, &route.path(name), body)
            }
            ("PATCH", Some(name)) if form.starts_with("application/merge-patch") => {
                self.merge(&route.path(name), body)
            }
            ("DELETE", Some(name)) => self.delete(&route.path(name), body),
            _ => refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented", form),
        };
        self.keep_order();
        answer
    }

    /// Writes an object; the answer is what it is now.
    pub(super) fn put(&mut self, path: &Path, mut object: Object) -> Value {
        self.version += 1;
        object.value["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        let after = object.value.clone();
        let before = self.objects.insert(path.clone(), object);
        self.note(path, before.map(|it| it.value), Some(after.clone()));
        after
    }

    /// Removes an object.
    pub(super) fn remove(&mut self, path: &Path) -> Value {
        let Some(gone) = self.objects.remove(path) else {
            return Value::Null;
        };
        self.version += 1;
        let mut last = gone.value;
        last["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        self.note(path, Some(last.clone()), None);
        last
    }

    fn note(&mut self, path: &Path, before: Option<Value>, after: Option<Value>) {
        let (version, path) = (self.version, path.clone());
        self.events.push(Event {
            version,
            path,
            before,
            after,
        });
    }

    /// A UID that no other object has.
    pub(super) fn uid(&mut self, path: &Path) -> String {
        let born = self.born.entry(path.clone()).or_default();
        *born += 1;
        let text = format!(
            "{} {} {} {born}",
            path.resource.plural, path.namespace, path.name
        );
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let number = |range: std::ops::Range<usize>| {
            let bytes = digest[range].iter();
            bytes.fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let (one, two, three, four) = (number(0..4), number(4..6), number(6..8), number(8..14));
        format!(
            "{one:08x}-{two:04x}-4{:03x}-a000-{four:012x}",
            three & 0xfff
        )
    }

    /// The namespace of that name.
    pub(super) fn namespace(&self, name: &str) -> Option<&Value> {
        let resource = kinds::find("v1", "namespaces")?;
        let (namespace, name) = (String::new(), name.to_owned());
        let found = self.objects.get(&Path {
            resource,
            namespace,
            name,
        });
        found.map(|it| &it.value)
    }

    fn keep_order(&mut self) {
        loop {
            let doomed: Vec<Path> = self
                .objects
                .iter()
                .filter(|(path, object)| self.is_doomed(path, &object.value))
                .map(|(path, _)| path.clone())
                .collect();
            if doomed.is_empty() {
                break;
            }
            for path in doomed {
                self.delete(&path, &Value::Null);
            }
        }
        let ended: Vec<Path> = self
            .objects
            .iter()
            .filter(|(path, object)| {
                path.resource.kind == "Namespace"
                    && is_deleting(&object.value)
                    && !self.objects.keys().any(|it| it.namespace == path.name)
            })
            .map(|(path, _)| path.clone())
            .collect();
        for path in ended {
            self.remove(&path);
        }
    }

    /// Whether an object has to go: its namespace ends, or its owner is gone.
    fn is_doomed(&self, path: &Path, object: &Value) -> bool {
        if is_deleting(object) {
            return false;
        }
        let ends = self.namespace(&path.namespace).is_some_and(is_deleting);
        let owners = object["metadata"]["ownerReferences"].as_array();
        let is_orphan = owners.is_some_and(|owners| {
            !owners.iter().any(|owner| {
                let mut all = self.objects.values();
                all.any(|it| it.value["metadata"]["uid"] == owner["uid"])
            })
        });
        ends || is_orphan
    }
}

pub(super) fn is_deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

impl Route {
    fn path(&self, name: &str) -> Path {
        Path {
            resource: self.resource,
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }
}
