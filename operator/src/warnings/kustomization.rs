//! Why a Kustomization of Flux fails, in its own message: Flux's health check names an object and how it
//! is, and not what the object says of itself (ADR 0019).

use std::collections::BTreeMap;

use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::index::Key;
use crate::kinds::Kind;
use crate::names::APPLIED_BY;

/// Objects that are asked for, at most.
const OBJECTS: usize = 10;
/// What the API server takes of a condition's message, in characters (the kind's `maxLength`).
const LONGEST: usize = 32_768;
/// Stands between an object and how it is, in `<kind>/<namespace>/<name> status: '<status>'`
/// (fluxcd/pkg/ssa, `WaitForSetWithContext`). An error would follow after a colon, as ours does.
const STATUS: &str = " status: '";

/// A JSON patch (RFC 6902) that has the conditions say why, of objects that this Kustomization applied.
pub(super) async fn explain(client: &Client, kustomization: &DynamicObject) -> Vec<Value> {
    let conditions = kustomization.data.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    // `Ready` and `Healthy` say the same.
    let mut known: BTreeMap<Key, Option<String>> = BTreeMap::new();
    let mut changes = Vec::new();
    for (index, condition) in conditions.enumerate() {
        let message = condition["message"].as_str().unwrap_or_default();
        let mut explained = message.to_owned();
        let places: Vec<_> = named(message).take(OBJECTS).collect();
        // From the end, so that places stay what they are.
        for (end, object) in places.into_iter().rev() {
            if !known.contains_key(&object) {
                let why = why(client, kustomization, &object).await;
                known.insert(object.clone(), why);
            }
            if let Some(Some(why)) = known.get(&object) {
                explained.insert_str(end, &format!(": {why}"));
            }
        }
        if explained != message && explained.chars().count() <= LONGEST {
            let path = format!("/status/conditions/{index}/message");
            changes.push(json!({"op": "replace", "path": path, "value": explained}));
        }
    }
    changes
}

/// The objects of VRSky that a message names without a word more, and where the word would stand.
fn named(message: &str) -> impl Iterator<Item = (usize, Key)> {
    let found = message.match_indices(STATUS);
    found.filter_map(|(start, _)| {
        let after = start + STATUS.len();
        let end = after + message[after..].find('\'')? + 1;
        if !message[end..].starts_with([',', ']']) {
            return None;
        }
        let object = message[..start].rsplit(['[', ' ']).next()?;
        let (kind, path) = object.split_once('/')?;
        let kind = Kind::OURS.into_iter().find(|it| it.name() == kind)?;
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        // It becomes part of a question.
        let is_name = |text: &str| {
            let is_in_names = |it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
            text.bytes().all(is_in_names) && !text.starts_with('.')
        };
        (is_name(name) && is_name(namespace)).then(|| (end, Key::new(kind, namespace, name)))
    })
}

/// What an object that is not ready says of itself. `None`: nothing yet of this generation, it was applied
/// by somebody else, or nobody knows.
async fn why(client: &Client, kustomization: &DynamicObject, key: &Key) -> Option<String> {
    let one = ListParams::default().fields(&format!("metadata.name={}", key.name));
    let object = key.api(client).list(&one).await.ok()?.items.pop()?;
    // Who writes a Kustomization's status learns nothing of what others apply.
    let by = APPLIED_BY.map(|label| object.labels().get(label));
    let metadata = &kustomization.metadata;
    if by != [metadata.name.as_ref(), metadata.namespace.as_ref()] {
        return None;
    }
    let status = object.data.get("status")?;
    if status["observedGeneration"].as_i64() != object.metadata.generation {
        return None;
    }
    // Never both; docs/status.md.
    let mut conditions = status["conditions"].as_array()?.iter();
    let condition = conditions.find(|it| {
        (it["type"] == "Stalled" || it["type"] == "Reconciling") && it["status"] == "True"
    })?;
    let message = condition["message"].as_str()?;
    (!message.is_empty()).then(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::fake_api;

    const FAILED: &str = "failed early due to stalled resources: \
                          [Flow/acme/orders status: 'Failed', Tenant/acme status: 'InProgress']";

    const STALLED: (&str, &str) = ("Stalled", "a mistake, in [0]");
    const RECONCILING: (&str, &str) = ("Reconciling", "it waits");

    /// What `flows` applied, but for the flow in `stock`; the one in `slow` was not looked at yet.
    fn client() -> Client {
        fake_api::client(|_, path, _| {
            let (by, observed, says) = match path {
                "/apis/vrsky.io/v1alpha1/namespaces/acme/flows" => ("flows", 2, STALLED),
                "/apis/vrsky.io/v1alpha1/namespaces/stock/flows" => ("others", 2, STALLED),
                "/apis/vrsky.io/v1alpha1/namespaces/slow/flows" => ("flows", 1, STALLED),
                "/apis/vrsky.io/v1alpha1/tenants" => ("flows", 2, RECONCILING),
                _ => return fake_api::refused(404, "NotFound"),
            };
            let conditions = json!([
                {"type": "Ready", "status": "False", "message": "it does not run"},
                {"type": says.0, "status": "True", "message": says.1},
            ]);
            let [name, namespace] = APPLIED_BY;
            let labels = json!({name: by, namespace: "acme"});
            fake_api::list(&json!([{
                "metadata": {"labels": labels, "generation": 2},
                "status": {"observedGeneration": observed, "conditions": conditions},
            }]))
        })
    }

    fn kustomization(messages: &[&str]) -> DynamicObject {
        let conditions = messages.iter().map(|message| json!({"message": message}));
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "flows", "namespace": "acme"},
            "status": {"conditions": conditions.collect::<Vec<_>>()},
        });
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn each_object_says_why() {
        let before = kustomization(&["applied", FAILED]);
        let patch = explain(&client(), &before).await;
        let said = "failed early due to stalled resources: [Flow/acme/orders status: 'Failed': a mistake, \
                    in [0], Tenant/acme status: 'InProgress': it waits]";
        let place = "/status/conditions/1/message";
        let change = json!({"op": "replace", "path": place, "value": said});
        assert_eq!(patch, [change]);
        // Said once.
        let after = kustomization(&["applied", said]);
        assert_eq!(explain(&client(), &after).await, [] as [Value; 0]);
    }

    #[tokio::test]
    async fn what_others_apply_and_what_is_of_before_is_not_told() {
        for namespace in ["stock", "slow"] {
            let named = FAILED.replace("acme/orders", &format!("{namespace}/orders"));
            let patch = explain(&client(), &kustomization(&[&named])).await;
            assert_eq!(patch.len(), 1);
            let said = patch[0]["value"].as_str().unwrap();
            assert!(said.contains("/orders status: 'Failed', "), "{said}");
        }
    }

    #[tokio::test]
    async fn what_is_no_object_of_ours_stays_as_it_is() {
        for message in [
            "",
            " status: '",
            "[Flow/acme/orders status: 'Failed'",
            "[Deployment/acme/orders status: 'Failed']",
            "[Flow/acme/orders,metadata.name=a status: 'Failed']",
            "[Flow/acme/../orders status: 'Failed']",
            "[Flow/../orders status: 'Failed']",
            "[Flow/gone/orders status: 'NotFound']",
            "[Flow status: 'Failed']",
        ] {
            let patch = explain(&client(), &kustomization(&[message])).await;
            assert_eq!(patch, [] as [Value; 0], "{message}");
        }
        let long = format!("{FAILED}{}", "x".repeat(LONGEST - FAILED.len()));
        let patch = explain(&client(), &kustomization(&[&long])).await;
        assert_eq!(patch, [] as [Value; 0]);
    }
}
