//! Tenants, and which namespaces are theirs.

use std::collections::{BTreeMap, BTreeSet};

use vrsky_crds::TenantSpec;
use vrsky_crds::tenant::{Compute, Tier};
use vrsky_crds::values::{Bytes, Duration};
use vrsky_plan::{TenantId, TenantName};

use super::Signatures;
use crate::World;
use crate::check::{self, Issue};
use crate::kinds::Kind;
use crate::object::{Object, Spec};
use crate::shape::formats;

const DAY: u64 = 86_400;

/// A tenant with its limits, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) tier: Tier,
    pub(crate) flows: u32,
    pub(crate) topics: u32,
    pub(crate) grants: u32,
    /// Bytes.
    pub(crate) storage: u64,
    /// Bytes.
    pub(crate) payload: u64,
    pub(crate) transit_seconds: u64,
    pub(crate) dead_letter_seconds: u64,
    /// As it is written.
    pub(crate) dead_letters: String,
    pub(crate) compute: Option<Compute>,
    /// The namespaces that are its own.
    pub(crate) namespaces: BTreeSet<String>,
}

/// Finds the tenants, and gives every object its tenant.
pub(super) fn bind(
    world: &World,
    objects: &mut [Object],
    signatures: &mut Signatures,
    issues: &mut Vec<(usize, Issue)>,
) {
    let mut claims: Vec<(bool, usize, TenantName)> = Vec::new();
    let mut named: BTreeMap<TenantName, usize> = BTreeMap::new();
    let incumbents = world.incumbents.as_slice();
    let running: BTreeSet<&TenantName> = incumbents.iter().map(|it| &it.tenant).collect();
    for (index, object) in objects.iter_mut().enumerate() {
        let (Kind::Tenant, Some(Spec::Tenant(spec))) = (object.kind, object.spec.as_deref()) else {
            continue;
        };
        let Ok(name) = TenantName::new(object.name.clone()) else {
            continue;
        };
        if let Some(other) = named.get(&name) {
            issues.push((
                index,
                check::duplicate_name::issue("Tenant", &object.name, *other),
            ));
            continue;
        }
        let id = TenantId::of(object.uid.as_deref().unwrap_or(&object.name));
        let tenant = resolve(id, spec);
        if let Some(least) = too_small(&tenant) {
            issues.push((index, check::quota::storage(least)));
        }
        let compute = spec.compute.iter().filter_map(check::compute::no_pods);
        issues.extend(compute.map(|issue| (index, issue)));
        named.insert(name.clone(), index);
        signatures.tenants.insert(name.clone(), tenant);
        claims.push((!running.contains(&name), index, name));
    }
    claims.sort();
    let owners = owners(world, objects, &claims, issues);
    for (namespace, (name, _)) in &owners {
        if let Some(tenant) = signatures.tenants.get_mut(name) {
            tenant.namespaces.insert(namespace.clone());
        }
    }
    for (index, object) in objects.iter_mut().enumerate() {
        if object.kind == Kind::Tenant {
            continue;
        }
        object.tenant = owners
            .get(&object.namespace)
            .map(|(tenant, _)| tenant.clone());
        if object.tenant.is_none() {
            issues.push((index, check::unbound_namespace::issue(&object.namespace)));
        }
    }
}

/// Which namespace is whose: the tenant's whose flows run in it, else the first one's.
fn owners(
    world: &World,
    objects: &[Object],
    claims: &[(bool, usize, TenantName)],
    issues: &mut Vec<(usize, Issue)>,
) -> BTreeMap<String, (TenantName, usize)> {
    let running: BTreeSet<(&TenantName, &str)> = world
        .incumbents
        .as_slice()
        .iter()
        .map(|program| (&program.tenant, program.flow.namespace()))
        .collect();
    let mut owners: BTreeMap<String, (TenantName, usize)> = BTreeMap::new();
    for incumbents in [true, false] {
        for (_, index, name) in claims {
            let Some(Spec::Tenant(spec)) = objects[*index].spec.as_deref() else {
                continue;
            };
            for (place, namespace) in spec.namespaces.iter().enumerate() {
                if running.contains(&(name, namespace.as_str())) != incumbents {
                    continue;
                }
                match owners.get(namespace) {
                    None => {
                        owners.insert(namespace.clone(), (name.clone(), *index));
                    }
                    Some((owner, _)) if owner == name => {}
                    Some((owner, other)) => {
                        let issue = check::double_namespace::issue(
                            place,
                            namespace,
                            owner.as_str(),
                            *other,
                        );
                        issues.push((*index, issue));
                    }
                }
            }
        }
    }
    owners
}

fn resolve(id: TenantId, spec: &TenantSpec) -> Tenant {
    let quotas = spec.quotas.clone().unwrap_or_default();
    let retention = spec.retention.clone().unwrap_or_default();
    let payload = spec.payload.clone().unwrap_or_default().max;
    let size = |value: Option<&Bytes>, default: u64| {
        value
            .and_then(|Bytes(text)| formats::bytes(text))
            .unwrap_or(default)
    };
    let seconds = |value: Option<&Duration>, default: u64| {
        value
            .and_then(|Duration(text)| formats::milliseconds(text))
            .map_or(default, |milliseconds| milliseconds.div_ceil(1000).max(1))
    };
    Tenant {
        id,
        tier: spec.tier,
        flows: quotas.flows.unwrap_or(100),
        topics: quotas.topics.unwrap_or(100),
        grants: quotas.grants.unwrap_or(100),
        storage: size(quotas.storage.as_ref(), 1 << 30),
        payload: size(payload.as_ref(), 512 << 10).min(1 << 20),
        transit_seconds: seconds(retention.transit.as_ref(), 3 * DAY),
        dead_letter_seconds: seconds(retention.dead_letters.as_ref(), 14 * DAY),
        dead_letters: retention
            .dead_letters
            .map_or_else(|| "14d".to_owned(), |Duration(text)| text),
        compute: spec.compute.clone(),
        namespaces: BTreeSet::new(),
    }
}

/// Each stream must hold a few of the largest payloads.
fn too_small(tenant: &Tenant) -> Option<u64> {
    let least = tenant.payload * 20;
    (tenant.storage < least).then_some(least)
}
