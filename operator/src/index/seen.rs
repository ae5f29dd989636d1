//! What is kept of an object.

use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::told::Phrases;
use super::{Key, Metadata, Told};
use crate::kinds::Kind;
use crate::names;
use crate::packed::{packed, unpacked};

/// An object as it was last seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What names it.
    pub(super) key: Key,
    /// UID, version, labels, finalizers.
    pub metadata: Metadata,
    /// For VRSky's own kinds: what status says. One that cannot be read says nothing, and is written
    /// anew.
    pub told: Told,
    /// For VRSky's own kinds: the key's [`Key::origin`].
    pub origin: Arc<str>,
    /// For VRSky's own kinds: what the compiler reads. The same allocation as long as nothing that
    /// it reads has changed. See [`Seen::content`].
    pub text: Arc<str>,
    /// Of others: see [`Seen::content`].
    rest: Option<Box<[u8]>>,
    /// For VRSky's own kinds: the last text in which nothing was wrong. It stands in where a later one
    /// cannot be read.
    pub sound: Option<Arc<str>>,
}

/// What the compiler reads of an object: JSON, which is YAML.
pub fn document(kind: Kind, object: &DynamicObject) -> String {
    let types = object.types.as_ref();
    let version = types.map_or("", |types| types.api_version.as_str());
    let mut metadata = json!({"name": object.metadata.name});
    for (field, value) in [
        ("namespace", json!(object.metadata.namespace)),
        ("uid", json!(object.metadata.uid)),
        ("generation", json!(object.metadata.generation)),
    ] {
        if !value.is_null() {
            metadata[field] = value;
        }
    }
    json!({
        "apiVersion": if version.is_empty() { vrsky_crds::API_VERSION } else { version },
        "kind": kind.name(),
        "metadata": metadata,
        "spec": object.data.get("spec").cloned().unwrap_or_else(|| json!({})),
    })
    .to_string()
}

/// What is kept of an object that is not VRSky's own, beside its metadata: deflated JSON, which takes a
/// thirtieth of the memory of a tree of maps. Of a pod, nobody asks more than how it is.
fn rest(kind: Kind, data: &Value) -> Option<Box<[u8]>> {
    let json = match kind {
        Kind::Namespace => return None,
        Kind::Pod => json!({"status": data["status"]}).to_string(),
        _ => data.to_string(),
    };
    packed(json.as_bytes()).ok().map(Into::into)
}

impl Seen {
    /// What is kept of an object, of which `before` was kept.
    pub(super) fn of(
        key: &Key,
        mut object: DynamicObject,
        before: Option<&Self>,
        phrases: &mut Phrases,
    ) -> Self {
        let said = object.data.get_mut("status").filter(|_| key.kind.is_ours());
        let status = said.and_then(|said| serde_json::from_value(said.take()).ok());
        let (text, rest) = if key.kind.is_ours() {
            (document(key.kind, &object), None)
        } else {
            (String::new(), rest(key.kind, &object.data))
        };
        let text = match before {
            Some(seen) if *seen.text == *text => Arc::clone(&seen.text),
            _ => Arc::from(text),
        };
        let origin = match before {
            Some(seen) => Arc::clone(&seen.origin),
            None if key.kind.is_ours() => Arc::from(key.origin()),
            None => Arc::from(""),
        };
        Self {
            key: key.clone(),
            metadata: object.metadata.into(),
            told: Told::new(status.unwrap_or_default(), phrases),
            origin,
            text,
            rest,
            sound: before.and_then(|seen| seen.sound.clone()),
        }
    }

    /// Whether its difference from `before` can change anything that is decided.
    pub(super) fn matters(&self, kind: Kind, before: &Self) -> bool {
        !kind.is_ours()
            || !Arc::ptr_eq(&before.text, &self.text)
            || before.metadata.deleted != self.metadata.deleted
            || before.metadata.is_kept != self.metadata.is_kept
            || before.metadata.finalizers != self.metadata.finalizers
            || before.metadata.annotations != self.metadata.annotations
    }

    /// `spec` and so on, to look into: of VRSky's own all but `status`, of a pod `status` alone, of a
    /// namespace nothing.
    pub fn content(&self) -> Value {
        let content = match &self.rest {
            Some(rest) => unpacked(rest),
            None => self.text.parse().ok(),
        };
        content.unwrap_or_default()
    }

    /// The UID.
    pub fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// The generation.
    pub fn generation(&self) -> i64 {
        self.metadata.generation
    }

    /// Whether somebody has asked for its deletion.
    pub fn is_deleting(&self) -> bool {
        self.metadata.deleted.is_some()
    }

    /// Whether its reconciliation is paused.
    pub fn is_paused(&self) -> bool {
        names::pauses(self.annotation(names::RECONCILE))
    }

    /// An annotation of VRSky's.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(name).map(AsRef::as_ref)
    }

    /// A label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.get(name).map(AsRef::as_ref)
    }
}
