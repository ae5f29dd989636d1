//! What pods in a tenant's namespaces may use of the nodes, where its Tenant says so.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use vrsky_plan::TenantName;
use vrsky_plan::tenant::Compute;

use super::{labels, sealed};
use crate::index::Key;
use crate::kinds::Kind;
use crate::names::COMPUTE;

/// A ResourceQuota and a LimitRange in each namespace.
pub(super) fn objects(
    tenant: &TenantName,
    compute: &Compute,
) -> impl Iterator<Item = (Key, Value)> {
    let namespaces = compute.namespaces.iter();
    namespaces.flat_map(move |namespace| {
        let metadata = ObjectMeta {
            name: Some(COMPUTE.to_owned()),
            namespace: Some(namespace.clone()),
            labels: Some(labels(tenant, COMPUTE)),
            ..ObjectMeta::default()
        };
        [quota(&metadata, compute), limits(&metadata, compute)]
            .into_iter()
            .flatten()
    })
}

fn quota(metadata: &ObjectMeta, compute: &Compute) -> Option<(Key, Value)> {
    let object = ResourceQuota {
        metadata: metadata.clone(),
        spec: Some(ResourceQuotaSpec {
            hard: Some(quantities(&compute.quota)?),
            ..ResourceQuotaSpec::default()
        }),
        status: None,
    };
    Some(sealed(Kind::ResourceQuota, &object))
}

fn limits(metadata: &ObjectMeta, compute: &Compute) -> Option<(Key, Value)> {
    let item = LimitRangeItem {
        type_: "Container".to_owned(),
        default: quantities(&compute.default),
        default_request: quantities(&compute.default_request),
        max: quantities(&compute.max),
        ..LimitRangeItem::default()
    };
    let says = item.default.is_some() || item.default_request.is_some() || item.max.is_some();
    says.then(|| {
        let object = LimitRange {
            metadata: metadata.clone(),
            spec: Some(LimitRangeSpec { limits: vec![item] }),
        };
        sealed(Kind::LimitRange, &object)
    })
}

/// Nothing where nothing is said.
fn quantities(amounts: &BTreeMap<String, String>) -> Option<BTreeMap<String, Quantity>> {
    let amounts = amounts.iter();
    let all: BTreeMap<_, _> = amounts
        .map(|(name, amount)| (name.clone(), Quantity(amount.clone())))
        .collect();
    (!all.is_empty()).then_some(all)
}
