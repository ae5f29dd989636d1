//! Who reads what is published to a topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrsky_plan::program::{Source, Target};
use vrsky_plan::{EdgeName, FlowId, Program, Subject, TenantName};

use super::Programs;
use crate::signature::Signatures;

/// What must not go into a shared stream: tenant, topic, flow.
pub(crate) type Forbidden = BTreeSet<(TenantName, String, FlowId)>;

/// Over how many subjects readers are spread.
type Partitions = BTreeMap<Subject, u32>;

/// Fills the publish lists of all programs and seals them; of held ones too, which are narrowed to
/// today's grants. What was sealed already with the same lists stays what it is. `forbidden` are those
/// from which nothing goes into the shared stream, because it would share others' data on.
pub(crate) fn fill(signatures: &Signatures, forbidden: &Forbidden, programs: Programs) -> Programs {
    let readers = readers(&programs);
    let fill_one = |((tenant, flow), program): ((TenantName, FlowId), Arc<Program>)| {
        let list = |topic: &String| -> (Vec<Subject>, Partitions) {
            let local = readers.get(&format!("{tenant}/{topic}"));
            let local = local.into_iter().flatten();
            let mut publish: Vec<Subject> = local.clone().map(|(it, _)| it.clone()).collect();
            let shared = signatures.readers(&tenant, topic).next().is_some()
                && !forbidden.contains(&(tenant.clone(), topic.clone(), flow.clone()));
            publish.extend(shared.then(|| shared_subject(topic)).flatten());
            publish.sort();
            let spread = local.filter(|(_, partitions)| *partitions > 1);
            (publish, spread.cloned().collect())
        };
        let is_right = !program.hash.is_empty()
            && topics(&program).all(|(topic, publish, partitions)| {
                let (subjects, spread) = list(topic);
                *publish == subjects && *partitions == spread
            });
        if is_right {
            return ((tenant, flow), program);
        }
        let mut filled = Arc::unwrap_or_clone(program);
        let stages = filled.stages.iter_mut();
        for (_, output) in stages.flat_map(|(_, stage)| stage.outputs.iter_mut()) {
            if let Target::Topic {
                topic,
                publish,
                partitions,
                ..
            } = &mut output.target
            {
                (*publish, *partitions) = list(topic);
            }
        }
        ((tenant, flow), Arc::new(filled.sealed()))
    };
    programs.into_iter().map(fill_one).collect()
}

/// The topics that a program publishes to, with the subjects and how they are spread.
fn topics(program: &Program) -> impl Iterator<Item = (&String, &Vec<Subject>, &Partitions)> {
    let stages = program.stages.values();
    let outputs = stages.flat_map(|stage| stage.outputs.values());
    outputs.filter_map(|output| match &output.target {
        Target::Topic {
            topic,
            publish,
            partitions,
            ..
        } => Some((topic, publish, partitions)),
        _ => None,
    })
}

/// `x.<topic>`.
pub(super) fn shared_subject(topic: &str) -> Option<Subject> {
    Subject::new(format!("x.{topic}")).ok()
}

/// The first edges of the flows that read a topic of their own tenant, with their partitions, by
/// `<tenant>/<topic>`.
fn readers(programs: &Programs) -> BTreeMap<String, Vec<(Subject, u32)>> {
    let mut readers: BTreeMap<String, Vec<(Subject, u32)>> = BTreeMap::new();
    for ((tenant, flow), program) in programs {
        if let Source::Topic { topic } = &program.source
            && topic
                .split_once('/')
                .is_some_and(|(owner, _)| owner == tenant.as_str())
        {
            let subject = flow.edge_subject(&EdgeName::ingress());
            let reader = (subject, program.partitions);
            readers.entry(topic.clone()).or_default().push(reader);
        }
    }
    readers
}
