//! What was proved becomes a plan.

mod grants;
mod programs;
mod publish;
mod roles;
mod storage;

pub(crate) use programs::{Programs, choose};

use std::collections::{BTreeMap, BTreeSet};

use vrsky_plan::{Plan, tenant};

use crate::object::Object;
use crate::signature::{Signatures, State};

/// Lowers programs and signatures to the plan. `forbidden` are (tenant, topic, flow) for which
/// nothing goes into the shared stream, because it would share others' data on.
pub(crate) fn lower(
    objects: &[Object],
    signatures: &Signatures,
    forbidden: &publish::Forbidden,
    mut programs: Programs,
) -> Plan {
    publish::fill(signatures, forbidden, &mut programs);
    let mut plan = Plan::empty();
    for (name, tenant) in &signatures.tenants {
        let shared: BTreeSet<&str> = signatures
            .grants
            .iter()
            .filter(|grant| grant.state == State::Valid && grant.owner == *name)
            .map(|grant| grant.topic.as_str())
            .collect();
        let imports = grants::imports(objects, signatures, name, &programs);
        let programs: BTreeMap<_, _> = programs
            .iter()
            .filter(|((owner, _), _)| owner == name)
            .map(|((_, flow), program)| (flow.clone(), program.clone()))
            .collect();
        plan.tenants.insert(name.clone(), tenant::Tenant {
            id: tenant.id.clone(),
            limits: storage::limits(tenant),
            streams: storage::streams(tenant, !shared.is_empty()),
            roles: roles::roles(tenant, &shared),
            imports,
            programs,
        });
    }
    plan
}

pub(crate) use publish::Forbidden;
