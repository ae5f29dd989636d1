//! Where the platform asks for it, what no other object could cure is refused at once (ADR 0017).

use std::sync::Arc;

use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use vrsky_compiler::{Diagnostic, alone, hides_builtin};
use vrsky_crds::Connector;

use crate::kinds::Kind;
use crate::{index, status};

/// Knows what is not to be stored. It needs nothing of what the leader knows, so any operator does.
#[derive(Clone)]
pub struct Refusals {
    client: Client,
    /// One compiles at a time, however many ask.
    turn: Arc<Semaphore>,
}

impl Refusals {
    /// Reads connectors with this client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Why `object` must not be stored, in lines; `before` is what is stored now. `None`: it may be, or
    /// nobody knows.
    pub async fn refuse(
        &self,
        kind: Kind,
        object: DynamicObject,
        before: Option<DynamicObject>,
    ) -> Option<String> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let namespace = object.metadata.namespace.clone();
        let compiling = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let errors = errors_of(kind, &object);
            // What is wrong already may be mended step by step, and suspended meanwhile.
            let was_right = |before| errors_of(kind, &before).is_empty();
            (!errors.is_empty() && before.is_none_or(was_right)).then_some(errors)
        });
        let errors = compiling.await.ok()??;
        if let Some(namespace) = namespace {
            let connectors = Api::<Connector>::namespaced(self.client.clone(), &namespace);
            let connectors = connectors
                .list_metadata(&ListParams::default())
                .await
                .ok()?;
            let names = connectors.items.iter();
            let mut names = names.filter_map(|it| it.metadata.name.as_deref());
            if names.any(hides_builtin) {
                return None;
            }
        }
        Some(status::refusal(&errors.iter().collect::<Vec<_>>()))
    }
}

fn errors_of(kind: Kind, object: &DynamicObject) -> Vec<Diagnostic> {
    let text = index::document(kind, object);
    alone(&text, object.metadata.namespace.as_deref())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use kube::core::DynamicObject;
    use serde_json::json;

    use super::{Kind, Refusals};
    use crate::fake_api;

    /// Beside an API server that knows the connectors of a namespace, or fails.
    pub(crate) fn refusals(connectors: Option<&'static [&str]>) -> Refusals {
        let client = fake_api::client(move |_, path| {
            assert_eq!(path, "/apis/vrsky.io/v1alpha1/namespaces/acme/connectors");
            let Some(connectors) = connectors else {
                return fake_api::refused(500, "InternalError");
            };
            let items = connectors.iter();
            let items = items.map(|name| json!({"metadata": {"name": name}}));
            let list = json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadataList",
                "metadata": {},
                "items": items.collect::<Vec<_>>(),
            });
            (200, list)
        });
        Refusals::new(client)
    }

    fn flow(filter: &str, sink: &str) -> DynamicObject {
        let flow = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Flow",
            "metadata": {"name": "orders", "namespace": "acme"},
            "spec": {
                "source": {
                    "connector": "webhook",
                    "with": {"path": "/orders"},
                    "contract": {"fields": {"id": "string"}},
                },
                "steps": [{"filter": filter}],
                "sinks": {"out": {"connector": sink}},
            },
        });
        serde_json::from_value(flow).unwrap()
    }

    fn right() -> DynamicObject {
        flow(".id == \"a\"", "log")
    }

    fn wrong() -> DynamicObject {
        flow(".idd == \"a\"", "log")
    }

    #[tokio::test]
    async fn what_no_other_object_could_cure_is_refused() {
        let refusals = refusals(Some(&["erp"]));
        let refuse = async |object, before| refusals.refuse(Kind::Flow, object, before).await;
        for before in [None, Some(right())] {
            let said = refuse(wrong(), before).await.unwrap_or_default();
            let place = "error[VRS0402] spec.steps[0].filter: ";
            assert!(said.starts_with(place) && said.contains(".idd"), "{said}");
        }
        assert_eq!(refuse(right(), None).await, None);
        // The connector may come a moment later.
        assert_eq!(refuse(flow("true", "warehouse"), None).await, None);
        // What was stored wrong may be edited, or suspended.
        assert_eq!(refuse(wrong(), Some(wrong())).await, None);
    }

    #[tokio::test]
    async fn who_hides_a_builtin_is_refused_nothing() {
        let hiding = refusals(Some(&["erp", "webhook"]));
        assert_eq!(hiding.refuse(Kind::Flow, wrong(), None).await, None);
        let unknown = refusals(None);
        assert_eq!(unknown.refuse(Kind::Flow, wrong(), None).await, None);
    }

    #[tokio::test]
    async fn a_tenant_has_no_connectors_to_ask_for() {
        let tenant = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Tenant",
            "metadata": {"name": "acme"},
            "spec": {"namespaces": ["acme"], "retention": {"transit": "3 weeks"}},
        });
        let tenant: DynamicObject = serde_json::from_value(tenant).unwrap();
        let refusals = refusals(None);
        let said = refusals.refuse(Kind::Tenant, tenant, None).await;
        let said = said.unwrap_or_default();
        assert!(
            said.starts_with("error[VRS0107] spec.retention.transit: "),
            "{said}"
        );
    }
}
