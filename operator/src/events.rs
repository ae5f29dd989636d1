//! Events: what changed, where `kubectl describe` shows it. Transitions only.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{self, EventType, Reporter};

use crate::index::Key;
use crate::names::MANAGER;

/// Longest note that the API server takes, in bytes.
const NOTE: usize = 1000;

/// Writes events.
pub struct Recorder {
    recorder: events::Recorder,
}

/// Something that changed.
pub struct Transition {
    /// What, in one word.
    pub reason: String,
    /// In a sentence.
    pub note: String,
    /// Whether a person should look.
    pub is_bad: bool,
}

impl Recorder {
    /// Writes as the operator's process `me`.
    pub fn new(client: &Client, me: &str) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(me.to_owned()),
        };
        Self {
            recorder: events::Recorder::new(client.clone(), reporter),
        }
    }

    /// Writes one about an object of this UID; one that cannot be written is lost, since status says it, too.
    pub async fn tell(&self, key: &Key, uid: String, transition: Transition) {
        let resource = key.kind.resource();
        let about = ObjectReference {
            api_version: Some(resource.api_version),
            kind: Some(resource.kind),
            namespace: (!key.namespace.is_empty()).then(|| key.namespace.clone()),
            name: Some(key.name.clone()),
            uid: Some(uid),
            ..ObjectReference::default()
        };
        let mut note = transition.note;
        while note.len() > NOTE {
            note.pop();
        }
        let event = events::Event {
            type_: if transition.is_bad {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: transition.reason,
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &about).await {
            tracing::debug!(event = "event_lost", object = key.origin(), %error);
        }
    }
}
