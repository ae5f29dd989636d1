//! What a tenant's flows read of other tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vrsky_crds::grant::{Onward, Revocation};
use vrsky_plan::grant::{Import, Revocation as Fate};
use vrsky_plan::program::Source;
use vrsky_plan::tenant::{Offer, Offers};
use vrsky_plan::{ConsumerName, EdgeName, FlowId, Program, TenantName};

use super::publish::shared_subject;
use crate::object::Object;
use crate::signature::{Grant, Signatures, State};

/// The imports of one tenant, sorted. A program whose grant is gone has none.
pub(super) fn imports(
    objects: &[Object],
    signatures: &Signatures,
    reader: &TenantName,
    programs: &BTreeMap<FlowId, Arc<Program>>,
) -> Vec<Import> {
    let mut imports: Vec<Import> = programs
        .iter()
        .filter_map(|(flow, program)| {
            let Source::Topic { topic } = &program.source else {
                return None;
            };
            let (owner, topic) = topic.split_once('/')?;
            let owner = TenantName::new(owner)
                .ok()
                .filter(|owner| owner != reader)?;
            let grant = signatures.grant(&owner, topic, reader)?;
            if grant.state != State::Valid {
                return None;
            }
            import(objects, signatures, grant, flow)
        })
        .collect();
    imports.sort();
    imports
}

/// What others let a tenant read, by the grants that it was `given` and that stand.
pub(super) fn offers(
    objects: &[Object],
    given: &[&Grant],
    namespaces: &BTreeSet<String>,
) -> Option<Offers> {
    let mut topics = BTreeMap::new();
    for grant in given {
        let offer = Offer {
            grant: objects[grant.object].full_name(),
            expires: grant.expires.map(|expires| expires.to_string()),
            onward: grant.onward == Onward::Allowed,
        };
        let name = format!("{}/{}", grant.owner, grant.topic);
        topics.entry(name).or_insert(offer);
    }
    (!topics.is_empty()).then(|| Offers {
        namespaces: namespaces.clone(),
        topics,
    })
}

fn import(
    objects: &[Object],
    signatures: &Signatures,
    grant: &Grant,
    flow: &FlowId,
) -> Option<Import> {
    let owner = signatures.tenants.get(&grant.owner)?;
    let name = objects[grant.object].full_name();
    let identity = format!("{}/{name}", owner.id);
    let consumer = format!("g{}-{}", short(&identity), short(&flow.to_string()));
    Some(Import {
        owner: grant.owner.clone(),
        owner_id: owner.id.clone(),
        grant: name,
        topic: grant.topic.clone(),
        stream: owner.id.shared_stream(),
        filter: shared_subject(&grant.topic)?,
        consumer: ConsumerName::new(consumer).ok()?,
        flow: flow.clone(),
        into: flow.edge_subject(&EdgeName::ingress()),
        revocation: match grant.revocation {
            Revocation::Drain => Fate::Drain,
            Revocation::Cut => Fate::Cut,
        },
        expires: grant.expires.map(|expires| expires.to_string()),
    })
}

/// Twelve hexadecimal digits of a text's hash.
fn short(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest
        .iter()
        .take(6)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:012x}")
}
