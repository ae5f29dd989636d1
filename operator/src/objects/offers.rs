//! What other tenants let a tenant read, for its people: `kubectl get configmap vrsky-grants`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use vrsky_plan::TenantName;
use vrsky_plan::tenant::{Offer, Offers};

use super::{labels, sealed};
use crate::index::Key;
use crate::kinds::Kind;
use crate::names::OFFERS;

/// A ConfigMap in each namespace.
pub(super) fn objects(tenant: &TenantName, offers: &Offers) -> impl Iterator<Item = (Key, Value)> {
    let data = data(offers);
    offers.namespaces.iter().map(move |namespace| {
        let object = ConfigMap {
            metadata: ObjectMeta {
                name: Some(OFFERS.to_owned()),
                namespace: Some(namespace.clone()),
                labels: Some(labels(tenant, OFFERS)),
                ..ObjectMeta::default()
            },
            data: Some(data.clone()),
            ..ConfigMap::default()
        };
        sealed(Kind::ConfigMap, &object)
    })
}

/// One entry a topic. Neither part of its name has a dot.
fn data(offers: &Offers) -> BTreeMap<String, String> {
    let topics = offers.topics.iter();
    topics
        .map(|(topic, offer)| (topic.replace('/', "."), entry(topic, offer).to_string()))
        .collect()
}

fn entry(topic: &str, offer: &Offer) -> Value {
    let mut entry = json!({
        "topic": topic,
        "grant": offer.grant,
        "onward": if offer.onward { "Allowed" } else { "Forbidden" },
    });
    if let Some(expires) = &offer.expires {
        entry["expires"] = json!(expires);
    }
    entry
}
