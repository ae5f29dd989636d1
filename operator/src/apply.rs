//! Writes to the API server. It never decides what to write, only that some things are never
//! written: this is the one place through which everything goes.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;
use vrsky_crds::status::Status;

use crate::index::{Key, Seen};
use crate::kinds::Kind;
use crate::names::{FINALIZER, MANAGER, OFFERS, RUNTIME, SUPPORT};
use crate::reconcile::Action;

/// Writes under way at once.
pub(crate) const CONCURRENT: usize = 16;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not take it.
    #[error("{}: {}", key.origin(), words(source))]
    Refused {
        /// The object.
        key: Key,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// It may not be written by the operator at all: a fault of ours.
    #[error("{}: the operator does not write this here", key.origin())]
    NotAllowed {
        /// The object.
        key: Key,
    },
}

impl Error {
    /// The object.
    pub fn key(&self) -> &Key {
        match self {
            Self::Refused { key, .. } | Self::NotAllowed { key } => key,
        }
    }
}

/// Writes to the API server.
#[derive(Clone)]
pub struct Writer {
    client: Client,
}

impl Writer {
    /// Writes with this client's rights.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Carries out actions kind by kind, those of one kind at once. `namespaces` are those of
    /// tenants: nothing is applied elsewhere. A service account stays where a Secret before it could
    /// not be deleted: nobody would think of the Secret any more.
    pub async fn carry_out(&self, actions: Vec<Action>, namespaces: &BTreeSet<&str>) -> Vec<Error> {
        let mut failed = Vec::new();
        let mut rest = actions.as_slice();
        while let Some(first) = rest.first() {
            let same = |one: &&Action| {
                one.key().kind == first.key().kind
                    && std::mem::discriminant(*one) == std::mem::discriminant(first)
            };
            let (now, later) = rest.split_at(rest.iter().take_while(same).count());
            let stays = |action: &&Action| {
                let key = action.key();
                let is_left = |one: &Error| {
                    one.key().kind == Kind::Secret && one.key().namespace == key.namespace
                };
                key.kind == Kind::ServiceAccount
                    && matches!(action, Action::Delete { .. })
                    && failed.iter().any(is_left)
            };
            let now = now.iter().filter(|action| !stays(action));
            let writes = now.map(|action| self.write(action, namespaces));
            let done: Vec<_> = stream::iter(writes)
                .buffer_unordered(CONCURRENT)
                .collect()
                .await;
            failed.extend(done.into_iter().filter_map(Result::err));
            rest = later;
        }
        failed
    }

    async fn write(&self, action: &Action, namespaces: &BTreeSet<&str>) -> Result<(), Error> {
        let key = action.key();
        let is_allowed = key.kind.is_made()
            && match action {
                Action::Apply(..) => namespaces.contains(&*key.namespace),
                Action::Delete { .. } => !key.namespace.is_empty(),
            }
            && match key.kind {
                Kind::Secret => [RUNTIME, SUPPORT].contains(&&*key.name),
                Kind::ConfigMap => *key.name == *OFFERS,
                _ => true,
            };
        if !is_allowed {
            return Err(Error::NotAllowed { key: key.clone() });
        }
        let api = key.api(&self.client);
        match action {
            Action::Apply(key, object) => {
                tracing::info!(event = "apply", object = key.origin());
                let parameters = PatchParams::apply(MANAGER).force();
                let done = api
                    .patch(&key.name, &parameters, &Patch::Apply(object))
                    .await;
                done.map(drop).map_err(|error| refused(key, error))
            }
            Action::Delete { key, seen } => {
                tracing::info!(event = "delete", object = key.origin());
                let preconditions = seen.as_ref().map(|(uid, resource_version)| Preconditions {
                    uid: Some(uid.clone()),
                    resource_version: Some(resource_version.clone()),
                });
                let parameters = DeleteParams {
                    preconditions,
                    ..DeleteParams::background()
                };
                match api.delete(&key.name, &parameters).await {
                    Ok(_) => Ok(()),
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    Err(error) => Err(refused(key, error)),
                }
            }
        }
    }

    /// Puts our finalizer on objects, or takes it off: the metadata that they have now. An object that
    /// is gone is no error.
    pub async fn finalizers(
        &self,
        objects: Vec<(Key, Seen)>,
        keep: bool,
    ) -> Vec<Result<Option<(Key, ObjectMeta)>, Error>> {
        let writes = objects.into_iter().map(|(key, seen)| async move {
            // The UID keeps it from making a new one.
            let (parameters, patch) = if keep {
                // Only what we say of the object's finalizers.
                let object = json!({
                    "apiVersion": key.kind.resource().api_version,
                    "kind": key.kind.name(),
                    "metadata": {"name": key.name, "uid": seen.uid(), "finalizers": [FINALIZER]},
                });
                (PatchParams::apply(MANAGER).force(), Patch::Apply(object))
            } else {
                // Whoever put it there, a restored backup say. Nobody can add another one meanwhile:
                // the API server refuses that while an object is being deleted.
                let others = &seen.metadata.finalizers;
                let change = json!({"metadata": {"uid": seen.uid(), "finalizers": others}});
                (PatchParams::default(), Patch::Merge(change))
            };
            let api = key.api(&self.client);
            let done = api.patch_metadata(&key.name, &parameters, &patch).await;
            match done {
                Ok(written) => Ok(Some((key, written.metadata))),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(None),
                Err(error) => Err(refused(&key, error)),
            }
        });
        stream::iter(writes)
            .buffer_unordered(CONCURRENT)
            .collect()
            .await
    }

    /// Writes statuses, whole, each into the version that was seen: the version that it has become, in
    /// the order of `statuses`. `None` if the object is another by now, or gone; the watch will tell.
    ///
    /// Not by server-side apply: see `docs/adr/0018`.
    pub async fn statuses(
        &self,
        statuses: &[(Key, String, Status)],
    ) -> Vec<Result<Option<String>, Error>> {
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let parameters = &parameters;
        let writes = statuses.iter().map(|(key, version, status)| async move {
            let mut object = DynamicObject::new(&key.name, &key.kind.resource());
            object.metadata.namespace =
                (!key.namespace.is_empty()).then(|| key.namespace.to_string());
            object.metadata.resource_version = Some(version.clone());
            object.data = json!({"status": status});
            let done = key
                .api(&self.client)
                .replace_status(&key.name, parameters, &object)
                .await;
            match done {
                Ok(written) => Ok(written.metadata.resource_version),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
                Err(error) => Err(refused(key, error)),
            }
        });
        stream::iter(writes).buffered(CONCURRENT).collect().await
    }
}

/// What went wrong, for people: of an answer of the API server its message alone, which names the
/// object and the reason.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

fn refused(key: &Key, error: kube::Error) -> Error {
    Error::Refused {
        key: key.clone(),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_api;

    #[tokio::test]
    async fn a_status_of_another_version_or_of_nothing_is_left_to_the_watch() {
        let client = fake_api::client(|method, path, _| {
            assert_eq!(method, "PUT");
            match path.rsplit('/').nth(1) {
                Some("seen") => (200, json!({"metadata": {"resourceVersion": "8"}})),
                Some("changed") => fake_api::refused(409, "Conflict"),
                Some("gone") => fake_api::refused(404, "NotFound"),
                _ => fake_api::refused(403, "Forbidden"),
            }
        });
        let statuses = ["seen", "changed", "gone", "forbidden"].map(|name| {
            let key = Key::new(Kind::Flow, "acme", name);
            (key, "7".to_owned(), Status::default())
        });
        let mut written = Writer::new(client).statuses(&statuses).await.into_iter();
        assert_eq!(written.next().and_then(Result::ok), Some(Some("8".into())));
        assert_eq!(written.next().and_then(Result::ok), Some(None));
        assert_eq!(written.next().and_then(Result::ok), Some(None));
        assert!(written.next().is_some_and(|last| last.is_err()));
    }
}
