//! Who reads what is published to a topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::program::{Source, Target};
use vrsky_plan::{EdgeName, FlowId, Program, Subject, TenantName};

use super::Programs;
use crate::signature::Signatures;

/// What must not go into a shared stream: tenant, topic, flow.
pub(crate) type Forbidden = BTreeSet<(TenantName, String, FlowId)>;

/// Programs as they were drafted, and as they were sealed with their publish lists.
pub(crate) type Sealed = BTreeMap<(TenantName, FlowId), (Arc<Program>, Arc<Program>)>;

/// Fills the publish lists of all programs, of held ones too: they are narrowed to today's grants.
/// What was sealed already with the same lists stays what it is, and `sealed` follows.
pub(super) fn fill(
    signatures: &Signatures,
    forbidden: &Forbidden,
    programs: &mut Programs,
    sealed: &mut Sealed,
) {
    let readers = readers(programs);
    let mut before = std::mem::take(sealed);
    for ((tenant, flow), program) in programs {
        let list = |topic: &String| -> Vec<Subject> {
            let local = readers.get(&format!("{tenant}/{topic}"));
            let mut publish = local.cloned().unwrap_or_default();
            let shared = signatures.readers(tenant, topic).next().is_some()
                && !forbidden.contains(&(tenant.clone(), topic.clone(), flow.clone()));
            publish.extend(shared.then(|| shared_subject(topic)).flatten());
            publish.sort();
            publish
        };
        let is_right = |program: &Program| {
            !program.hash.is_empty()
                && topics(program).all(|(topic, publish)| *publish == list(topic))
        };
        let key = (tenant.clone(), flow.clone());
        let (draft, done) = match before.remove(&key) {
            Some((draft, done)) if Arc::ptr_eq(&draft, program) && is_right(&done) => (draft, done),
            _ if is_right(program) => (Arc::clone(program), Arc::clone(program)),
            _ => {
                let mut filled = Program::clone(program);
                let stages = filled.stages.values_mut();
                for output in stages.flat_map(|stage| stage.outputs.values_mut()) {
                    if let Target::Topic { topic, publish, .. } = &mut output.target {
                        *publish = list(topic);
                    }
                }
                (Arc::clone(program), Arc::new(filled.sealed()))
            }
        };
        program.clone_from(&done);
        sealed.insert(key, (draft, done));
    }
}

/// The topics that a program publishes to, with the subjects.
fn topics(program: &Program) -> impl Iterator<Item = (&String, &Vec<Subject>)> {
    let stages = program.stages.values();
    let outputs = stages.flat_map(|stage| stage.outputs.values());
    outputs.filter_map(|output| match &output.target {
        Target::Topic { topic, publish, .. } => Some((topic, publish)),
        _ => None,
    })
}

/// `x.<topic>`.
pub(super) fn shared_subject(topic: &str) -> Option<Subject> {
    Subject::new(format!("x.{topic}")).ok()
}

/// The first edges of the flows that read a topic of their own tenant, by `<tenant>/<topic>`.
fn readers(programs: &Programs) -> BTreeMap<String, Vec<Subject>> {
    let mut readers: BTreeMap<String, Vec<Subject>> = BTreeMap::new();
    for ((tenant, flow), program) in programs {
        if let Source::Topic { topic } = &program.source
            && topic
                .split_once('/')
                .is_some_and(|(owner, _)| owner == tenant.as_str())
        {
            let subject = flow.edge_subject(&EdgeName::ingress());
            readers.entry(topic.clone()).or_default().push(subject);
        }
    }
    readers
}
