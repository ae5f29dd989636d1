//! Topics and their contracts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::TenantName;
use vrsky_plan::program::{Source, Target};

use super::{Signatures, owned};
use crate::World;
use crate::check;
use crate::contract::Contract;
use crate::kinds::Kind;
use crate::object::{Object, Spec};
use crate::report::Reports;

/// A topic as its writers and readers see it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) object: usize,
    /// `None`: something is wrong with it, which was said; what refers to it is withheld in silence.
    pub(crate) contract: Option<Arc<Contract>>,
    /// Where its contract stands.
    pub(crate) path: &'static str,
}

/// Collects the topics; what runs already comes first under the quota.
pub(super) fn collect(
    world: &World,
    objects: &[Object],
    signatures: &mut Signatures,
    reports: &mut Reports,
) {
    let used = used(world);
    let mut topics: Vec<(usize, &Object, &TenantName)> = owned(objects, Kind::Topic).collect();
    topics.sort_by_key(|(_, object, tenant)| {
        !used.contains(&(tenant.as_str(), object.name.as_str()))
    });
    let mut counts: BTreeMap<&TenantName, u32> = BTreeMap::new();
    for (index, object, tenant) in topics {
        let key = (tenant.clone(), object.name.clone());
        if let Some(other) = signatures.topics.get(&key) {
            let issue = check::duplicate_name::issue("Topic", &object.name, other.object);
            reports.add(objects, index, issue);
            continue;
        }
        let count = counts.entry(tenant).or_default();
        *count += 1;
        let most = signatures
            .tenants
            .get(tenant)
            .map_or(0, |tenant| tenant.topics);
        let over = *count > most && !used.contains(&(tenant.as_str(), object.name.as_str()));
        if over {
            reports.add(objects, index, check::quota::issue("topics", most));
        }
        let contract = contract(objects, index, reports);
        let contract = contract.filter(|_| !over);
        let path = match object.spec.as_deref() {
            Some(Spec::Topic(topic, _)) if topic.contract.fields.is_some() => {
                "spec.contract.fields"
            }
            _ => "spec.contract.schema",
        };
        signatures.topics.insert(
            key,
            Topic {
                object: index,
                contract,
                path,
            },
        );
    }
}

fn contract(objects: &[Object], index: usize, reports: &mut Reports) -> Option<Arc<Contract>> {
    let Some(Spec::Topic(_, contract)) = objects[index].spec.as_deref() else {
        return None;
    };
    match contract {
        Ok(contract) => Some(Arc::clone(contract)),
        Err(issues) => {
            for issue in issues {
                reports.add(objects, index, issue.clone());
            }
            None
        }
    }
}

/// Own topics that programs publish to or read.
fn used(world: &World) -> BTreeSet<(&str, &str)> {
    let mut used = BTreeSet::new();
    for program in world.incumbents.as_slice() {
        if let Source::Topic { topic } = &program.source
            && let Some((owner, name)) = topic.split_once('/')
        {
            used.insert((owner, name));
        }
        for output in program
            .stages
            .values()
            .flat_map(|stage| stage.outputs.values())
        {
            if let Target::Topic { topic, .. } = &output.target {
                used.insert((program.tenant.as_str(), topic.as_str()));
            }
        }
    }
    used
}
