//! Which runtimes run which flows in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_crds::tenant::Tier;
use vrsky_plan::{FlowId, Program, Workload};

/// Shared: one workload per namespace. Dedicated: one per flow.
pub(super) fn workloads(tier: Tier, programs: &BTreeMap<FlowId, Arc<Program>>) -> Vec<Workload> {
    match tier {
        Tier::Shared => {
            let namespaces: BTreeSet<&str> = programs.keys().map(FlowId::namespace).collect();
            namespaces
                .into_iter()
                .map(|namespace| {
                    let own = programs
                        .iter()
                        .filter(|(flow, _)| flow.namespace() == namespace);
                    Workload::of(namespace, None, own.map(|(_, program)| program.as_ref()))
                })
                .collect()
        }
        Tier::Dedicated => programs
            .iter()
            .map(|(flow, program)| {
                Workload::of(
                    flow.namespace(),
                    Some(flow),
                    std::iter::once(program.as_ref()),
                )
            })
            .collect(),
    }
}
