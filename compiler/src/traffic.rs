//! How messages go from topic to topic: circles, and data of others that is shared on.
//!
//! What a shared topic carries of other tenants' topics is part of what is shared: who reads it can
//! be told so.

use std::collections::{BTreeMap, BTreeSet};

use vrsky_crds::grant::Onward;
use vrsky_plan::program::{Source, Target};
use vrsky_plan::{FlowId, TenantName};

use crate::World;
use crate::check::{self, Issue};
use crate::lower::{Forbidden, Programs};
use crate::object::Object;
use crate::report::Reports;
use crate::resolve;
use crate::signature::{Flow, Signatures};

/// A topic: owner and name.
type Topic = (TenantName, String);

/// A flow takes messages from one topic to another.
#[derive(Clone, Debug)]
struct Hop {
    tenant: TenantName,
    flow: FlowId,
    from: Topic,
    sink: String,
    to: Topic,
}

/// Refuses circles, and sharing on against a grant's word.
pub(crate) fn check(
    world: &World,
    objects: &[Object],
    signatures: &Signatures,
    reports: &mut Reports,
) {
    let mut hops = Vec::new();
    for flow in &signatures.flows {
        hops.extend(
            written(world, objects, signatures, flow)
                .into_iter()
                .map(|hop| (flow, hop)),
        );
    }
    let all: Vec<&Hop> = hops.iter().map(|(_, hop)| hop).collect();
    let round = circles(&all);
    // Who is new gives way; where all run already, all are told.
    let newcomer = |at: &usize| !hops[*at].0.incumbent;
    for circle in &round {
        let new = circle.iter().any(newcomer);
        for at in circle {
            let (flow, hop) = &hops[*at];
            if new && flow.incumbent {
                continue;
            }
            let issue = circle_issue(&hops, circle, hop);
            reports.add(objects, flow.object, issue);
        }
    }
    for (at, source) in shared_on(signatures, &all) {
        let (flow, hop) = &hops[at];
        if let Some(issue) = onward_issue(signatures, &source, hop) {
            reports.add(objects, flow.object, issue);
        }
    }
}

/// What must not go into shared streams, of the programs that will run.
pub(crate) fn forbidden(signatures: &Signatures, programs: &Programs) -> Forbidden {
    let mut hops = Vec::new();
    for ((tenant, flow), program) in programs {
        let Source::Topic { topic } = &program.source else {
            continue;
        };
        let Some(from) = topic
            .split_once('/')
            .and_then(|(owner, name)| Some((TenantName::new(owner).ok()?, name.to_owned())))
        else {
            continue;
        };
        for (sink, output) in program.stages.values().flat_map(|stage| &stage.outputs) {
            if let Target::Topic { topic, .. } = &output.target {
                hops.push(Hop {
                    tenant: tenant.clone(),
                    flow: flow.clone(),
                    from: from.clone(),
                    sink: sink.clone(),
                    to: (tenant.clone(), topic.clone()),
                });
            }
        }
    }
    let all: Vec<&Hop> = hops.iter().collect();
    shared_on(signatures, &all)
        .into_keys()
        .map(|at| {
            (
                hops[at].tenant.clone(),
                hops[at].to.1.clone(),
                hops[at].flow.clone(),
            )
        })
        .collect()
}

/// The hops that a flow's manifest says.
fn written(world: &World, objects: &[Object], signatures: &Signatures, flow: &Flow) -> Vec<Hop> {
    let Some(said) = objects[flow.object].flow() else {
        return Vec::new();
    };
    let Some(Ok(read)) = said
        .reads
        .as_ref()
        .map(|topic| resolve::read(world, signatures, flow, topic))
    else {
        return Vec::new();
    };
    said.writes
        .iter()
        .filter_map(|(sink, topic)| {
            let (owner, name) = resolve::split(&flow.tenant, topic);
            (owner == flow.tenant.as_str()).then(|| Hop {
                tenant: flow.tenant.clone(),
                flow: flow.id.clone(),
                from: (read.owner.clone(), read.name.clone()),
                sink: sink.clone(),
                to: (flow.tenant.clone(), name.to_owned()),
            })
        })
        .collect()
}

/// The hops of each circle, by index.
fn circles(hops: &[&Hop]) -> Vec<Vec<usize>> {
    let mut rest: BTreeSet<usize> = (0..hops.len()).collect();
    // What nothing comes to, or nothing leaves, is on no circle.
    loop {
        let from: BTreeSet<&Topic> = rest.iter().map(|at| &hops[*at].from).collect();
        let to: BTreeSet<&Topic> = rest.iter().map(|at| &hops[*at].to).collect();
        let before = rest.len();
        rest.retain(|at| to.contains(&hops[*at].from) && from.contains(&hops[*at].to));
        if rest.len() == before {
            break;
        }
    }
    let mut next: BTreeMap<&Topic, Vec<&Topic>> = BTreeMap::new();
    for at in &rest {
        next.entry(&hops[*at].from).or_default().push(&hops[*at].to);
    }
    let reach: BTreeMap<&Topic, BTreeSet<&Topic>> = next
        .keys()
        .map(|topic| (*topic, reachable(&next, topic)))
        .collect();
    let goes =
        |from: &Topic, to: &Topic| reach.get(from).is_some_and(|reached| reached.contains(to));
    let mut circles: BTreeMap<&Topic, Vec<usize>> = BTreeMap::new();
    for at in rest {
        let hop = hops[at];
        if hop.from != hop.to && !goes(&hop.to, &hop.from) {
            continue;
        }
        // Topics of one circle reach each other; the first names it.
        let name = reach
            .get(&hop.from)
            .into_iter()
            .flatten()
            .filter(|topic| goes(topic, &hop.from))
            .min()
            .copied()
            .unwrap_or(&hop.from);
        circles.entry(name).or_default().push(at);
    }
    circles.into_values().collect()
}

fn reachable<'a>(next: &BTreeMap<&'a Topic, Vec<&'a Topic>>, start: &Topic) -> BTreeSet<&'a Topic> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Topic> = next.get(start).cloned().unwrap_or_default();
    while let Some(topic) = waiting.pop() {
        if reached.insert(topic) {
            waiting.extend(next.get(topic).into_iter().flatten().copied());
        }
    }
    reached
}

/// Names the flows of the own tenant on the circle, and of others only what they share.
fn circle_issue(hops: &[(&Flow, Hop)], circle: &[usize], hop: &Hop) -> Issue {
    let source = if hop.from.0 == hop.tenant {
        hop.from.1.clone()
    } else {
        format!("{}/{}", hop.from.0, hop.from.1)
    };
    let mut issue = check::cycle::issue(&hop.sink, &hop.to.1, &source);
    let mut named = BTreeSet::new();
    for at in circle {
        let (flow, other) = &hops[*at];
        if other.tenant == hop.tenant && other.flow != hop.flow && named.insert(&other.flow) {
            issue = issue.related(
                flow.object,
                "spec.source",
                format!("the flow `{}` is on the circle, too", other.flow),
            );
        }
    }
    issue
}

/// Hops that put data of others into a topic that is shared, though its owner forbids it; with the
/// topic that the data is from.
fn shared_on(signatures: &Signatures, hops: &[&Hop]) -> BTreeMap<usize, Topic> {
    let carried = carried(hops);
    let mut found = BTreeMap::new();
    for (at, hop) in hops.iter().enumerate() {
        let foreign = carried.get(&(&hop.tenant, &hop.from));
        let own = BTreeSet::from([&hop.from]);
        let data = if hop.from.0 == hop.tenant {
            foreign
        } else {
            Some(&own)
        };
        for source in data.into_iter().flatten() {
            let forbidden = signatures
                .grant(&source.0, &source.1, &hop.tenant)
                .is_none_or(|grant| grant.onward == Onward::Forbidden);
            // Back to its owner is not on.
            let others = signatures
                .readers(&hop.tenant, &hop.to.1)
                .any(|grant| grant.to != source.0);
            if forbidden && others {
                found.insert(at, (*source).clone());
            }
        }
    }
    found
}

/// What each topic of a tenant carries of other tenants' topics.
fn carried<'a>(hops: &[&'a Hop]) -> BTreeMap<(&'a TenantName, &'a Topic), BTreeSet<&'a Topic>> {
    let mut carried: BTreeMap<(&TenantName, &Topic), BTreeSet<&Topic>> = BTreeMap::new();
    loop {
        let mut grown = false;
        for hop in hops {
            let data: BTreeSet<&Topic> = if hop.from.0 == hop.tenant {
                carried
                    .get(&(&hop.tenant, &hop.from))
                    .cloned()
                    .unwrap_or_default()
            } else {
                BTreeSet::from([&hop.from])
            };
            if data.is_empty() {
                continue;
            }
            let there = carried.entry((&hop.tenant, &hop.to)).or_default();
            let before = there.len();
            there.extend(data);
            grown |= there.len() > before;
        }
        if !grown {
            return carried;
        }
    }
}

fn onward_issue(signatures: &Signatures, source: &Topic, hop: &Hop) -> Option<Issue> {
    let grant = signatures
        .readers(&hop.tenant, &hop.to.1)
        .find(|grant| grant.to != source.0)?;
    let from = format!("{}/{}", source.0, source.1);
    Some(check::onward_sharing::issue(
        &hop.sink,
        &hop.to.1,
        &from,
        grant.object,
    ))
}
