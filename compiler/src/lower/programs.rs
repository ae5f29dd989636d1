//! Which program each flow runs: the new one, or the one that runs.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::{FlowId, Program, TenantName};

use crate::World;
use crate::check::webhook_collision;
use crate::object::Object;
use crate::report::Reports;
use crate::signature::{Flow, Signatures};

/// Programs by tenant and flow.
pub(crate) type Programs = BTreeMap<(TenantName, FlowId), Arc<Program>>;

/// Chooses for each flow. A flow that is withheld holds what runs, suspended if it says so; a new one
/// that is withheld is absent. The second result are those that are held.
pub(crate) fn choose(
    world: &World,
    objects: &[Object],
    signatures: &Signatures,
    mut drafts: BTreeMap<usize, Arc<Program>>,
    reports: &mut Reports,
) -> (Programs, BTreeSet<(TenantName, FlowId)>) {
    drafts.retain(|object, _| !reports.is_withheld(*object));
    let mut held: BTreeMap<usize, Arc<Program>> = BTreeMap::new();
    loop {
        for flow in signatures
            .flows
            .iter()
            .filter(|flow| !drafts.contains_key(&flow.object))
        {
            if let Some(program) = incumbent(world, objects, signatures, flow) {
                held.insert(flow.object, program);
            }
        }
        let collisions = collisions(signatures, &drafts, &held);
        if collisions.is_empty() {
            break;
        }
        for (flow, other, path) in collisions {
            let issue = webhook_collision::issue(&path, &objects[other].full_name(), other);
            reports.add(objects, flow, issue);
            drafts.remove(&flow);
        }
    }
    let key = |program: &Program| (program.tenant.clone(), program.flow.clone());
    let held_keys = held.values().map(|program| key(program)).collect();
    let all = drafts.into_values().chain(held.into_values());
    let programs = all.map(|program| (key(&program), program)).collect();
    (programs, held_keys)
}

/// What runs, for a flow whose change is withheld.
fn incumbent(
    world: &World,
    objects: &[Object],
    signatures: &Signatures,
    flow: &Flow,
) -> Option<Arc<Program>> {
    let mut program = signatures.incumbent(world, &flow.tenant, &flow.id)?;
    let object = &objects[flow.object];
    if object.stopped && !object.held && !program.suspended {
        let stopped = Arc::make_mut(&mut program);
        stopped.suspended = true;
        // No longer what was sealed.
        stopped.hash = Box::default();
    }
    Some(program)
}

/// Flows whose webhook takes a path that another one of the tenant has: the flow, the other, the
/// path. What runs with a path keeps it, then the first by origin.
fn collisions(
    signatures: &Signatures,
    drafts: &BTreeMap<usize, Arc<Program>>,
    held: &BTreeMap<usize, Arc<Program>>,
) -> Vec<(usize, usize, String)> {
    let mut taken: BTreeMap<(&TenantName, String), usize> = BTreeMap::new();
    let mut found = Vec::new();
    // What is held cannot give way, so it comes first.
    for (programs, gives_way) in [(held, false), (drafts, true)] {
        for flow in &signatures.flows {
            let Some(path) = programs
                .get(&flow.object)
                .and_then(|program| program.webhook())
            else {
                continue;
            };
            match taken.entry((&flow.tenant, path)) {
                Entry::Occupied(other) if gives_way => {
                    found.push((flow.object, *other.get(), other.key().1.clone()));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => {
                    free.insert(flow.object);
                }
            }
        }
    }
    found
}
