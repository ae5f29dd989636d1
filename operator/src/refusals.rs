//! Where the platform asks for it, what whoever writes an object could not cure by writing another is
//! refused at once (ADR 0017).

mod reach;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use vrsky_compiler::{Diagnostic, Document, alone, beside, hides_builtin};
use vrsky_crds::Connector;

use crate::kinds::Kind;
use crate::{index, status};

/// An object that is about to be stored.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its kind, one of VRSky's.
    pub kind: Kind,
    /// As it will be.
    pub object: DynamicObject,
    /// As it is, if it is.
    pub before: Option<DynamicObject>,
    /// Who writes it.
    pub user: UserInfo,
}

/// Knows what is not to be stored. It needs nothing of what the leader knows, so any operator does.
#[derive(Clone)]
pub struct Refusals {
    client: Client,
    /// One compiles at a time, however many ask.
    turn: Arc<Semaphore>,
}

impl Refusals {
    /// Reads the cluster with this client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Why it must not be stored, in lines. `None`: it may be, or nobody knows.
    pub async fn refuse(&self, write: Write) -> Option<String> {
        let write = Arc::new(write);
        let mut errors = self.errors(&write, None).await?;
        if errors.is_empty() {
            let others = reach::out_of_reach(&self.client, &write).await?;
            errors = self.errors(&write, Some(others)).await?;
        }
        if errors.is_empty() {
            return None;
        }
        if let Some(namespace) = &write.object.metadata.namespace {
            let connectors = Api::<Connector>::namespaced(self.client.clone(), namespace);
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

    /// What is wrong with it beside these others, or whatever else there is. What is wrong already may be
    /// mended step by step, and suspended meanwhile: then it is nothing.
    async fn errors(
        &self,
        write: &Arc<Write>,
        others: Option<Vec<Document>>,
    ) -> Option<Vec<Diagnostic>> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let write = Arc::clone(write);
        let compiling = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let now = Timestamp::now();
            let errors_of = |object| {
                let text = index::document(write.kind, object);
                match &others {
                    Some(others) => beside(&text, others.iter().cloned(), now),
                    None => alone(&text, object.metadata.namespace.as_deref()),
                }
            };
            let mut errors = errors_of(&write.object);
            let before = write.before.as_ref();
            if before.is_some_and(|before| !errors_of(before).is_empty()) {
                errors.clear();
            }
            errors
        });
        compiling.await.ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use kube::core::DynamicObject;
    use serde_json::json;

    use super::{Kind, Refusals, UserInfo, Write};
    use crate::fake_api;

    /// Beside an API server that knows the connectors of a namespace, or fails.
    pub(crate) fn refusals(connectors: Option<&'static [&str]>) -> Refusals {
        let client = fake_api::client(move |_, path, _| {
            assert_eq!(path, "/apis/vrsky.io/v1alpha1/namespaces/acme/connectors");
            let Some(connectors) = connectors else {
                return fake_api::refused(500, "InternalError");
            };
            let items = connectors.iter();
            let items = items.map(|name| json!({"metadata": {"name": name}}));
            fake_api::list(&items.collect())
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

    /// What is said where somebody writes it.
    pub(super) async fn refuse(
        refusals: &Refusals,
        kind: Kind,
        object: DynamicObject,
        before: Option<DynamicObject>,
    ) -> Option<String> {
        let write = Write {
            kind,
            object,
            before,
            user: UserInfo::default(),
        };
        refusals.refuse(write).await
    }

    #[tokio::test]
    async fn what_no_other_object_could_cure_is_refused() {
        let refusals = refusals(Some(&["erp"]));
        let refuse = async |object, before| refuse(&refusals, Kind::Flow, object, before).await;
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
        assert_eq!(refuse(&hiding, Kind::Flow, wrong(), None).await, None);
        let unknown = refusals(None);
        assert_eq!(refuse(&unknown, Kind::Flow, wrong(), None).await, None);
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
        let said = refuse(&refusals, Kind::Tenant, tenant, None).await;
        let said = said.unwrap_or_default();
        assert!(
            said.starts_with("error[VRS0107] spec.retention.transit: "),
            "{said}"
        );
    }
}
