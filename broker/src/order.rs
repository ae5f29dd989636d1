//! In which order programs are written: a reader's before those that publish to it, so that its edge
//! is read before anything lies on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::program::Target;
use vrsky_plan::{FlowId, Program};

/// The flows of `programs`, readers before their publishers, else by name.
pub(crate) fn readers_first(programs: &BTreeMap<FlowId, Arc<Program>>) -> Vec<FlowId> {
    let by_token: BTreeMap<String, &FlowId> =
        programs.keys().map(|flow| (flow.token(), flow)).collect();
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for flow in programs.keys() {
        visit(flow, programs, &by_token, &mut seen, &mut order);
    }
    order
}

/// A flow's readers, then the flow. A cycle cannot come out of the compiler; `seen` ends it.
fn visit<'a>(
    flow: &'a FlowId,
    programs: &'a BTreeMap<FlowId, Arc<Program>>,
    by_token: &BTreeMap<String, &'a FlowId>,
    seen: &mut BTreeSet<&'a FlowId>,
    order: &mut Vec<FlowId>,
) {
    if !seen.insert(flow) {
        return;
    }
    for token in programs
        .get(flow)
        .into_iter()
        .flat_map(|program| published_to(program))
    {
        if let Some(reader) = by_token.get(&token) {
            visit(reader, programs, by_token, seen, order);
        }
    }
    order.push(flow.clone());
}

/// The tokens of the flows that a program publishes to.
fn published_to(program: &Program) -> Vec<String> {
    let outputs = program
        .stages
        .values()
        .flat_map(|stage| stage.outputs.values());
    let subjects = outputs.flat_map(|output| match &output.target {
        Target::Topic { publish, .. } => publish.as_slice(),
        Target::Edge(_) | Target::Deliver { .. } => &[],
    });
    subjects
        .filter_map(|subject| subject.as_str().strip_prefix("e."))
        .filter_map(|rest| rest.split('.').next())
        .map(str::to_owned)
        .collect()
}
