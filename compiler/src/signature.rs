//! The first phase: what objects say to each other, without looking into flows' bodies.

mod grants;
mod tenancy;
mod topics;

pub(crate) use grants::{Grant, State};
pub(crate) use tenancy::Tenant;
pub(crate) use topics::Topic;

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_plan::{FlowId, Program, TenantName};

use crate::World;
use crate::check::{self, Issue};
use crate::kinds::Kind;
use crate::object::Object;
use crate::report::Reports;

/// All that objects may know of each other.
#[derive(Default)]
pub(crate) struct Signatures {
    pub(crate) tenants: BTreeMap<TenantName, Tenant>,
    /// By owner and name.
    pub(crate) topics: BTreeMap<(TenantName, String), Topic>,
    /// In the order of their objects.
    pub(crate) grants: Vec<Grant>,
    /// Places in `grants` by owner and topic.
    pub(crate) grants_of: BTreeMap<(TenantName, String), Vec<usize>>,
    /// By namespace and name.
    pub(crate) connectors: BTreeMap<(String, String), usize>,
    /// Flows that can be named, incumbents first.
    pub(crate) flows: Vec<Flow>,
}

/// A flow as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) object: usize,
    pub(crate) tenant: TenantName,
    pub(crate) id: FlowId,
    /// Whether it runs.
    pub(crate) incumbent: bool,
}

/// Signs all objects: tenants, identities, quotas, topics, grants, connectors.
pub(crate) fn sign(
    world: &World,
    parsed: Vec<(Object, Vec<Issue>)>,
    reports: &mut Reports,
) -> (Vec<Object>, Signatures) {
    let (mut objects, issues): (Vec<Object>, Vec<Vec<Issue>>) = parsed.into_iter().unzip();
    let mut signatures = Signatures::default();
    let mut tenancy = Vec::new();
    tenancy::bind(world, &mut objects, &mut signatures, &mut tenancy);
    for (object, issue) in tenancy {
        reports.add(&objects, object, issue);
    }
    for (object, issues) in issues.into_iter().enumerate() {
        for issue in issues {
            reports.add(&objects, object, issue);
        }
    }
    flows(world, &objects, &mut signatures, reports);
    connectors(&objects, &mut signatures, reports);
    topics::collect(world, &objects, &mut signatures, reports);
    grants::collect(world, &objects, &mut signatures, reports);
    (objects, signatures)
}

/// Objects of one kind that belong to a tenant.
pub(crate) fn owned(
    objects: &[Object],
    kind: Kind,
) -> impl Iterator<Item = (usize, &Object, &TenantName)> {
    objects
        .iter()
        .enumerate()
        .filter(move |(_, object)| object.kind == kind)
        .filter_map(|(index, object)| Some((index, object, object.tenant.as_ref()?)))
}

impl Signatures {
    /// The program of a flow that runs and can be held.
    pub(crate) fn incumbent(
        &self,
        world: &World,
        tenant: &TenantName,
        flow: &FlowId,
    ) -> Option<Arc<Program>> {
        let program = world.incumbents.get(tenant, flow)?;
        // A tenant that was deleted and made again shares nothing with its predecessor.
        let is_of = program.tenant_id == self.tenants.get(tenant)?.id;
        (is_of && program.version == vrsky_plan::VERSION).then(|| Arc::clone(program))
    }
}

fn flows(world: &World, objects: &[Object], signatures: &mut Signatures, reports: &mut Reports) {
    let mut first: BTreeMap<(TenantName, FlowId), usize> = BTreeMap::new();
    let mut flows = Vec::new();
    for (index, object, tenant) in owned(objects, Kind::Flow) {
        let Ok(id) = FlowId::new(&object.namespace, &object.name) else {
            continue;
        };
        let key = (tenant.clone(), id.clone());
        let incumbent = world.incumbents.get(tenant, &id).is_some();
        if let Some(other) = first.get(&key).copied() {
            let issue = check::duplicate_name::issue("Flow", &object.full_name(), other);
            reports.add(objects, index, issue);
            // Neither copy may change what runs.
            if incumbent {
                reports.withhold(other);
            }
            continue;
        }
        first.insert(key, index);
        if object.held && signatures.incumbent(world, tenant, &id).is_some() {
            reports.withhold(index);
        }
        flows.push(Flow {
            object: index,
            tenant: tenant.clone(),
            id,
            incumbent,
        });
    }
    flows.sort_by_key(|flow| !flow.incumbent);
    let mut counts: BTreeMap<TenantName, u32> = BTreeMap::new();
    for flow in &flows {
        let count = counts.entry(flow.tenant.clone()).or_default();
        *count += 1;
        let most = signatures
            .tenants
            .get(&flow.tenant)
            .map_or(0, |tenant| tenant.flows);
        if *count > most && !flow.incumbent {
            reports.add(objects, flow.object, check::quota::issue("flows", most));
        }
    }
    signatures.flows = flows;
}

fn connectors(objects: &[Object], signatures: &mut Signatures, reports: &mut Reports) {
    for (index, object, _) in owned(objects, Kind::Connector) {
        let key = (object.namespace.clone(), object.name.clone());
        if let Some(other) = signatures.connectors.get(&key).copied() {
            let issue = check::duplicate_name::issue("Connector", &object.full_name(), other);
            reports.add(objects, index, issue);
            continue;
        }
        signatures.connectors.insert(key, index);
    }
}
