//! Who reads what is published to a topic.

use std::collections::{BTreeMap, BTreeSet};

use vrsky_plan::program::{Source, Target};
use vrsky_plan::{EdgeName, FlowId, Subject, TenantName};

use super::Programs;
use crate::signature::Signatures;

/// What must not go into a shared stream: tenant, topic, flow.
pub(crate) type Forbidden = BTreeSet<(TenantName, String, FlowId)>;

/// Fills the publish lists of all programs, of held ones too: they are narrowed to today's grants.
pub(super) fn fill(signatures: &Signatures, forbidden: &Forbidden, programs: &mut Programs) {
    let readers = readers(programs);
    let mut sealed = Programs::new();
    for ((tenant, flow), mut program) in std::mem::take(programs) {
        for output in program
            .stages
            .values_mut()
            .flat_map(|stage| stage.outputs.values_mut())
        {
            if let Target::Topic { topic, publish, .. } = &mut output.target {
                let local = readers.get(&format!("{tenant}/{topic}"));
                *publish = local.cloned().unwrap_or_default();
                let shared = signatures.readers(&tenant, topic).next().is_some()
                    && !forbidden.contains(&(tenant.clone(), topic.clone(), flow.clone()));
                publish.extend(shared.then(|| shared_subject(topic)).flatten());
                publish.sort();
            }
        }
        sealed.insert((tenant, flow), program.sealed());
    }
    *programs = sealed;
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
