//! What was proved becomes a plan.

mod compute;
mod grants;
mod programs;
mod publish;
mod roles;
mod storage;
mod workloads;

pub(crate) use programs::{Programs, choose};
pub(crate) use publish::{Forbidden, fill};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::{FlowId, Plan, Program, TenantName, tenant};

use crate::object::Object;
use crate::signature::{Grant, Signatures, State};

/// Lowers signatures and filled programs to the plan. `replicas` is how many servers keep each message.
pub(crate) fn lower(
    objects: &[Object],
    signatures: &Signatures,
    programs: Programs,
    replicas: usize,
) -> Plan {
    let mut plan = Plan::empty();
    let mut shared: BTreeMap<&TenantName, BTreeSet<&str>> = BTreeMap::new();
    let mut given: BTreeMap<&TenantName, Vec<&Grant>> = BTreeMap::new();
    let grants = signatures.grants.iter();
    for grant in grants.filter(|grant| grant.state == State::Valid) {
        shared.entry(&grant.owner).or_default().insert(&grant.topic);
        given.entry(&grant.to).or_default().push(grant);
    }
    let mut parts: BTreeMap<TenantName, BTreeMap<FlowId, Arc<Program>>> = BTreeMap::new();
    for ((tenant, flow), program) in programs {
        parts.entry(tenant).or_default().insert(flow, program);
    }
    for (name, tenant) in &signatures.tenants {
        let shared = shared.remove(name).unwrap_or_default();
        let given = given.remove(name).unwrap_or_default();
        let programs = parts.remove(name).unwrap_or_default();
        let imports = grants::imports(objects, signatures, name, &programs);
        let workloads = workloads::workloads(tenant.tier, &programs);
        plan.tenants.insert(
            name.clone(),
            Arc::new(tenant::Tenant {
                id: tenant.id.clone(),
                limits: storage::limits(tenant, &programs, replicas),
                streams: storage::streams(tenant, !shared.is_empty(), replicas),
                roles: roles::roles(tenant, &shared),
                imports,
                programs,
                workloads,
                compute: compute::compute(tenant),
                offers: grants::offers(objects, &given, &tenant.namespaces),
            }),
        );
    }
    plan
}
