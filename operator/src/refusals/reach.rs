//! What stands beside an object and is out of reach of whoever writes it: no commit of theirs brings
//! another version of it.

use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{ListParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};
use vrsky_compiler::Document;

use super::Write;
use crate::index::{self, Key};
use crate::kinds::Kind;
use crate::names;

/// By which an object comes to say something else.
const VERBS: [&str; 3] = ["create", "update", "patch"];

/// For a flow that reads another tenant's topic: both Tenants, and the other one's topics and grants.
/// `None`: it reads none, its writer may change some of them, or nobody knows.
pub(super) async fn out_of_reach(client: &Client, write: &Write) -> Option<Vec<Document>> {
    let topic = write.object.data.pointer("/spec/source/topic")?.as_str()?;
    let (owner, _) = topic.split_once('/')?;
    let own = write.object.metadata.namespace.as_deref()?;
    let mut tenants = fixed(client, &write.user, Kind::Tenant, None).await?;
    tenants.retain(|tenant| {
        let mut namespaces = namespaces(tenant);
        tenant.name_any() == owner || namespaces.any(|namespace| namespace == own)
    });
    let mut documents: Vec<Document> = tenants
        .iter()
        .map(|tenant| document(Kind::Tenant, tenant))
        .collect();
    let owners = tenants.iter().filter(|tenant| tenant.name_any() == owner);
    for namespace in owners.flat_map(namespaces) {
        for kind in [Kind::Topic, Kind::Grant] {
            let objects = fixed(client, &write.user, kind, Some(namespace)).await?;
            documents.extend(objects.iter().map(|object| document(kind, object)));
        }
    }
    Some(documents)
}

/// The objects of a kind, but for those that are paused; unless this user may change such an object.
async fn fixed(
    client: &Client,
    user: &UserInfo,
    kind: Kind,
    namespace: Option<&str>,
) -> Option<Vec<DynamicObject>> {
    let resource = kind.resource();
    for verb in VERBS {
        let asked = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                uid: user.uid.clone(),
                groups: user.groups.clone(),
                extra: user.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(verb.to_owned()),
                    group: Some(resource.group.clone()),
                    resource: Some(resource.plural.clone()),
                    namespace: namespace.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews = Api::<SubjectAccessReview>::all(client.clone());
        let answer = reviews.create(&PostParams::default(), &asked).await.ok()?;
        if answer.status?.allowed {
            return None;
        }
    }
    let objects: Api<DynamicObject> = match namespace {
        None => Api::all_with(client.clone(), &resource),
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let mut list = objects.list(&ListParams::default()).await.ok()?;
    // What counts of a paused one is what it said before, which the leader alone knows.
    list.items.retain(|object| {
        let reconcile = object.annotations().get(names::RECONCILE);
        !names::pauses(reconcile.map(String::as_str))
    });
    Some(list.items)
}

/// The namespaces of a Tenant.
fn namespaces(tenant: &DynamicObject) -> impl Iterator<Item = &str> {
    let namespaces = tenant.data.pointer("/spec/namespaces");
    let namespaces = namespaces.and_then(|namespaces| namespaces.as_array());
    namespaces
        .into_iter()
        .flatten()
        .filter_map(|it| it.as_str())
}

/// What an object says, as the compiler reads it.
fn document(kind: Kind, object: &DynamicObject) -> Document {
    let origin = Key::of(kind, &object.metadata).origin();
    Document::new(origin, index::document(kind, object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::super::tests::refuse;
    use super::super::{Kind, Refusals};
    use super::DynamicObject;
    use crate::fake_api;

    /// In a cluster where globex lets acme read a topic, which says `reconcile`, and whoever writes may
    /// change objects of one kind.
    fn refusals(within_reach: &'static str, reconcile: &'static str) -> Refusals {
        let metadata = move |name| {
            let annotations = json!({"vrsky.io/reconcile": reconcile});
            json!({"name": name, "namespace": "stock", "annotations": annotations})
        };
        let client = fake_api::client(move |_, path, body| {
            let items = match path {
                "/apis/authorization.k8s.io/v1/subjectaccessreviews" => {
                    let asked = &body["spec"]["resourceAttributes"];
                    let allowed = asked["resource"] == within_reach && asked["verb"] == "patch";
                    return (201, json!({"spec": {}, "status": {"allowed": allowed}}));
                }
                "/apis/vrsky.io/v1alpha1/tenants" => json!([
                    {"metadata": {"name": "acme"}, "spec": {"namespaces": ["acme"]}},
                    {"metadata": {"name": "globex"}, "spec": {"namespaces": ["stock"]}},
                    {"metadata": {"name": "initech"}, "spec": {"namespaces": ["initech"]}},
                ]),
                "/apis/vrsky.io/v1alpha1/namespaces/stock/topics" => json!([{
                    "metadata": metadata("levels"),
                    "spec": {"contract": {"fields": {"sku": "string"}}},
                }]),
                "/apis/vrsky.io/v1alpha1/namespaces/stock/grants" => json!([{
                    "metadata": metadata("for-acme"),
                    "spec": {"to": {"tenant": "acme"}, "topic": "levels"},
                }]),
                "/apis/vrsky.io/v1alpha1/namespaces/acme/connectors" => json!([]),
                _ => return fake_api::refused(404, "NotFound"),
            };
            fake_api::list(&items)
        });
        Refusals::new(client)
    }

    /// A flow of acme, with this filter.
    fn flow(topic: &str, filter: &str) -> DynamicObject {
        let flow = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Flow",
            "metadata": {"name": "levels", "namespace": "acme"},
            "spec": {
                "source": {"topic": topic},
                "steps": [{"filter": filter}],
                "sinks": {"out": {"connector": "log"}},
            },
        });
        serde_json::from_value(flow).unwrap()
    }

    async fn said(refusals: &Refusals, object: DynamicObject) -> Option<String> {
        refuse(refusals, Kind::Flow, object, None).await
    }

    const WRONG: &str = ".skuu == \"a\"";

    #[tokio::test]
    async fn what_does_not_fit_another_tenants_topic_is_refused() {
        let refusals = refusals("nothing", "enabled");
        let wrong = || flow("globex/levels", WRONG);
        let right = flow("globex/levels", ".sku == \"a\"");
        for before in [None, Some(right.clone())] {
            let said = refuse(&refusals, Kind::Flow, wrong(), before).await;
            let said = said.unwrap_or_default();
            let place = "error[VRS0404] spec.steps[0].filter: ";
            assert!(said.starts_with(place) && said.contains(".skuu"), "{said}");
        }
        assert_eq!(said(&refusals, right).await, None);
        // What was stored wrong may be edited.
        let edited = refuse(&refusals, Kind::Flow, wrong(), Some(wrong())).await;
        assert_eq!(edited, None);
        // What is not there, or not granted, may come: of one's own, and of others.
        for topic in ["levels", "globex/prices", "umbrella/levels"] {
            assert_eq!(said(&refusals, flow(topic, WRONG)).await, None, "{topic}");
        }
    }

    #[tokio::test]
    async fn who_may_change_the_other_side_is_refused_nothing() {
        for kind in ["tenants", "topics", "grants"] {
            let refusals = refusals(kind, "enabled");
            let said = said(&refusals, flow("globex/levels", WRONG)).await;
            assert_eq!(said, None, "{kind}");
        }
    }

    #[tokio::test]
    async fn what_is_paused_says_something_else() {
        let refusals = refusals("nothing", "disabled");
        assert_eq!(said(&refusals, flow("globex/levels", WRONG)).await, None);
    }
}
