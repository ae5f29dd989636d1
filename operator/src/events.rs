//! Events: what changed, where `kubectl describe` shows it. Transitions only.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{self, EventType, Reporter};

use crate::index::{Key, Seen};
use crate::names::{APPLIED_BY, MANAGER};

/// Longest note that the API server takes, in bytes.
const NOTE: usize = 1000;

/// What Flux applies things by.
const KUSTOMIZATION: (&str, &str) = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");

/// What was told is remembered, to count what is told again; but no more than so many, of 2 kB each.
const REMEMBERED: usize = 256;

/// Writes events.
pub struct Recorder {
    client: Client,
    reporter: Reporter,
    events: events::Recorder,
    remembered: usize,
}

/// Something that changed.
pub struct Transition {
    /// What, in one word.
    pub reason: String,
    /// In a sentence.
    pub note: String,
    /// Whether a person should look.
    pub is_bad: bool,
    /// The Kustomization of Flux that is to be told: where the object fails, it names it, and not why.
    pub kustomization: Option<String>,
}

impl Recorder {
    /// Writes as the operator's process `me`.
    pub fn new(client: &Client, me: &str) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(me.to_owned()),
        };
        Self {
            client: client.clone(),
            events: events::Recorder::new(client.clone(), reporter.clone()),
            reporter,
            remembered: 0,
        }
    }

    /// So many more were told. The same again is another event, where they are too many to remember.
    pub fn told(&mut self, more: usize) {
        self.remembered += more;
        if self.remembered > REMEMBERED {
            self.events = events::Recorder::new(self.client.clone(), self.reporter.clone());
            self.remembered = 0;
        }
    }

    /// Writes one about an object of this UID, and one about the Kustomization; what cannot be written is
    /// lost, since status says it, too.
    pub async fn tell(&self, key: &Key, uid: String, transition: &Transition) {
        let resource = key.kind.resource();
        let about = ObjectReference {
            api_version: Some(resource.api_version),
            kind: Some(resource.kind),
            namespace: (!key.namespace.is_empty()).then(|| key.namespace.to_string()),
            name: Some(key.name.to_string()),
            uid: Some(uid),
            ..ObjectReference::default()
        };
        let note = transition.note.clone();
        self.publish(&about, note, transition, None).await;
        if let Some(name) = &transition.kustomization {
            let kustomization = ObjectReference {
                api_version: Some(KUSTOMIZATION.0.to_owned()),
                kind: Some(KUSTOMIZATION.1.to_owned()),
                namespace: Some(key.namespace.to_string()),
                name: Some(name.clone()),
                ..ObjectReference::default()
            };
            let note = format!("{} {}: {}", key.kind.name(), key.name, transition.note);
            self.publish(&kustomization, note, transition, Some(about))
                .await;
        }
    }

    async fn publish(
        &self,
        about: &ObjectReference,
        mut note: String,
        transition: &Transition,
        secondary: Option<ObjectReference>,
    ) {
        while note.len() > NOTE {
            note.pop();
        }
        let event = events::Event {
            type_: if transition.is_bad {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: transition.reason.clone(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary,
        };
        if let Err(error) = self.events.publish(&event, about).await {
            let object = about.name.as_deref().unwrap_or_default();
            tracing::debug!(event = "event_lost", object, %error);
        }
    }
}

/// The Kustomization that applied an object, if Flux did, from the object's own namespace: anybody can
/// write labels, but only there.
pub fn kustomization(key: &Key, seen: &Seen) -> Option<String> {
    let [name, namespace] = APPLIED_BY.map(|label| seen.label(label));
    let is_own = namespace == Some(&key.namespace) && !key.namespace.is_empty();
    name.filter(|_| is_own).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;
    use crate::fake_api;
    use crate::kinds::Kind;

    #[tokio::test]
    async fn what_is_told_again_is_counted_until_too_much_was_told() {
        let methods: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&methods);
        let client = fake_api::client(move |method, _, _| {
            let mut heard = heard.lock().expect("no test has panicked");
            heard.push(method.to_owned());
            (200, json!({"metadata": {"name": "one"}}))
        });
        let mut recorder = Recorder::new(&client, "me");
        let key = Key::new(Kind::Flow, "acme", "shop");
        let transition = Transition {
            reason: "Running".to_owned(),
            note: "it runs".to_owned(),
            is_bad: false,
            kustomization: None,
        };
        for told in [1, 1, REMEMBERED, 1] {
            recorder.tell(&key, "1".to_owned(), &transition).await;
            recorder.told(told);
        }
        let heard = methods.lock().expect("no test has panicked");
        assert_eq!(*heard, ["POST", "PATCH", "PATCH", "POST"]);
    }
}
