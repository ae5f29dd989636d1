//! Lists and watches.

use http::StatusCode;
use serde_json::{Value, json};

use super::route::Route;
use super::store::{Path, Store};
use super::{Answer, refused};

impl Store {
    pub(super) fn read(&self, path: &Path) -> Answer {
        match self.objects.get(path) {
            Some(object) => (StatusCode::OK, object.value.clone()),
            None => not_found(path),
        }
    }

    pub(super) fn list(&self, route: &Route) -> Answer {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, object)| route.holds(path, &object.value))
            .map(|(_, object)| &object.value)
            .collect();
        let list = json!({
            "kind": format!("{}List", route.resource.kind),
            "apiVersion": route.resource.version,
            "metadata": {"resourceVersion": self.version.to_string()},
            "items": items,
        });
        (StatusCode::OK, list)
    }

    /// What has happened since a version, a JSON object a line, and the version of now; or the line
    /// that says that this is forgotten.
    pub(super) fn since(&self, route: &Route, version: u64) -> Result<(String, u64), String> {
        if version < self.forgotten {
            let (_, status) = refused(StatusCode::GONE, "Expired", "too old resource version");
            return Err(format!("{}\n", json!({"type": "ERROR", "object": status})));
        }
        let news = self.events.iter().filter(|event| event.version > version);
        let mut lines = String::new();
        for event in news {
            let holds = |object: &Option<Value>| {
                let object = object.as_ref();
                object.is_some_and(|it| route.holds(&event.path, it))
            };
            let (word, object) = match (holds(&event.before), holds(&event.after)) {
                (false, false) => continue,
                (false, true) => ("ADDED", &event.after),
                (true, true) => ("MODIFIED", &event.after),
                (true, false) => ("DELETED", &event.before),
            };
            let line = json!({"type": word, "object": object});
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        Ok((lines, self.version))
    }
}

impl Route {
    fn holds(&self, path: &Path, object: &Value) -> bool {
        let has = |(label, value): &(String, String)| {
            object["metadata"]["labels"][label.as_str()] == *value.as_str()
        };
        path.resource == self.resource
            && (self.namespace.is_empty() || self.namespace == path.namespace)
            && self.label.as_ref().is_none_or(has)
            && self
                .only
                .as_ref()
                .is_none_or(|name| object["metadata"]["name"] == **name)
    }
}

pub(super) fn not_found(path: &Path) -> Answer {
    let message = format!("{} \"{}\" not found", path.resource.plural, path.name);
    refused(StatusCode::NOT_FOUND, "NotFound", &message)
}
