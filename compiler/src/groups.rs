//! Which documents can matter to each other: those of tenants that claim the same namespace, and of
//! tenants of whom one lets the other read, or did when what runs was made.
//!
//! What is said of one group, and its part of the plan, depends on no other group: each is compiled by
//! itself, and again only when something in it has changed.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::unionfind::UnionFind;
use vrsky_plan::Program;
use vrsky_plan::program::Source;

use crate::object::Spec;
use crate::parse::Read;

/// What can matter to each other.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Places in the World, of one document at least.
    pub(crate) documents: Vec<usize>,
    /// Places among what runs, of the group's tenants.
    pub(crate) incumbents: Vec<usize>,
}

/// What groups follow from.
#[derive(Debug, Default)]
pub(crate) struct Basis {
    reads: Vec<Arc<Read>>,
    incumbents: Vec<Arc<Program>>,
}

impl Basis {
    /// What follows from documents that say this, and from what runs.
    pub(crate) fn new(reads: &[Arc<Read>], incumbents: &[Arc<Program>]) -> Self {
        Self {
            reads: reads.to_vec(),
            incumbents: incumbents.to_vec(),
        }
    }

    /// Becomes what documents that say this and what runs are, if the same groups follow from that,
    /// place by place: true.
    pub(crate) fn follow(&mut self, reads: &[Arc<Read>], incumbents: &[Arc<Program>]) -> bool {
        let mut said = self.reads.iter().zip(reads);
        let mut ran = self.incumbents.iter().zip(incumbents);
        let is_like = self.reads.len() == reads.len()
            && self.incumbents.len() == incumbents.len()
            && said.all(|(one, other)| {
                Arc::ptr_eq(one, other) || one.origin == other.origin && names(one).eq(names(other))
            })
            && ran.all(|(one, other)| {
                Arc::ptr_eq(one, other) || one.tenant == other.tenant && owner(one) == owner(other)
            });
        if is_like {
            // To share what is shared already takes longer than to see that it is.
            let said = self.reads.iter_mut().zip(reads);
            for (one, other) in said.filter(|(one, other)| !Arc::ptr_eq(one, other)) {
                one.clone_from(other);
            }
            let ran = self.incumbents.iter_mut().zip(incumbents);
            for (one, other) in ran.filter(|(one, other)| !Arc::ptr_eq(one, other)) {
                one.clone_from(other);
            }
        }
        is_like
    }

    /// The first of the origins of a group's documents.
    pub(crate) fn first(&self, group: &Group) -> Option<Arc<str>> {
        let origins = group.documents.iter().map(|at| &self.reads[*at].origin);
        origins.min().cloned()
    }

    /// The groups.
    pub(crate) fn groups(&self) -> Vec<Group> {
        groups(&self.reads, &self.incumbents)
    }
}

/// What ties documents together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name<'a> {
    Tenant(&'a str),
    Namespace(&'a str),
}

/// The names that were seen, numbered after the documents, and who is tied to whom.
struct Ties<'a> {
    documents: usize,
    names: HashMap<Name<'a>, usize>,
    /// The last one: objects of one namespace follow each other.
    last: Option<(Name<'a>, usize)>,
    pairs: Vec<(usize, usize)>,
}

impl<'a> Ties<'a> {
    fn number(&mut self, name: Name<'a>) -> usize {
        if let Some((last, number)) = self.last
            && last == name
        {
            return number;
        }
        let next = self.documents + self.names.len();
        let number = *self.names.entry(name).or_insert(next);
        self.last = Some((name, number));
        number
    }

    fn tie(&mut self, one: usize, name: Name<'a>) {
        let other = self.number(name);
        self.pairs.push((one, other));
    }
}

/// What a document is tied to.
fn names(read: &Read) -> impl Iterator<Item = Name<'_>> {
    read.objects.iter().flat_map(|(object, _)| {
        let spec = object.spec.as_deref();
        let (tenant, namespaces) = match spec {
            Some(Spec::Tenant(spec)) => (Some(&object.name), &*spec.namespaces),
            Some(Spec::Grant(spec)) => (Some(&spec.to.tenant), [].as_slice()),
            _ => (None, [].as_slice()),
        };
        let own = match spec {
            Some(Spec::Tenant(_)) => None,
            _ => Some(&object.namespace),
        };
        let tenant = tenant.map(|name| Name::Tenant(name));
        let namespaces = namespaces.iter().chain(own);
        tenant
            .into_iter()
            .chain(namespaces.map(|name| Name::Namespace(name)))
    })
}

/// Of whom else a program reads.
fn owner(program: &Program) -> Option<&str> {
    let Source::Topic { topic } = &program.source else {
        return None;
    };
    let (owner, _) = topic.split_once('/')?;
    (owner != program.tenant.as_str()).then_some(owner)
}

fn groups(reads: &[Arc<Read>], incumbents: &[Arc<Program>]) -> Vec<Group> {
    let mut ties = Ties {
        documents: reads.len(),
        names: HashMap::new(),
        last: None,
        pairs: Vec::new(),
    };
    for (document, read) in reads.iter().enumerate() {
        for name in names(read) {
            ties.tie(document, name);
        }
    }
    let mut running = Vec::new();
    for program in incumbents {
        let tenant = ties.number(Name::Tenant(program.tenant.as_str()));
        running.push(tenant);
        if let Some(owner) = owner(program) {
            ties.tie(tenant, Name::Tenant(owner));
        }
    }
    let mut union: UnionFind<usize> = UnionFind::new(ties.documents + ties.names.len());
    for (one, other) in ties.pairs {
        union.union(one, other);
    }
    let group_of = union.into_labeling();
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (document, group) in group_of.iter().take(reads.len()).enumerate() {
        let next = groups.len();
        let place = *places.entry(*group).or_insert(next);
        if place == next {
            groups.push(Group::default());
        }
        groups[place].documents.push(document);
    }
    for (incumbent, tenant) in running.into_iter().enumerate() {
        // What runs of a tenant of whom nothing is written matters to nobody.
        if let Some(place) = places.get(&group_of[tenant]) {
            groups[*place].incumbents.push(incumbent);
        }
    }
    groups
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::parse::Memory;
    use crate::{Document, World, compile};

    fn documents(texts: &[&str]) -> Vec<Document> {
        let named = texts
            .iter()
            .enumerate()
            .map(|(place, text)| Document::new(format!("{place}.yaml"), *text));
        named.collect()
    }

    #[test]
    fn what_begins_to_read_of_another_ties_the_two_together() {
        let acme = "{apiVersion: vrsky.io/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {namespaces: [acme]}}";
        let globex = acme.replace("acme", "globex");
        let flow = "{apiVersion: vrsky.io/v1alpha1, kind: Flow, metadata: {name: fulfil, namespace: globex}, \
                    spec: {source: {connector: generate, with: {payload: {}, every: 1s}}, sinks: {log: {connector: log}}}}";
        let compiled = compile(&World {
            now: jiff::Timestamp::UNIX_EPOCH,
            documents: documents(&[&globex, flow]),
            repository: None,
            incumbents: crate::Incumbents::default(),
            replicas: 1,
        });
        let programs = compiled.plan.tenants.values();
        let mut programs = programs.flat_map(|tenant| tenant.programs.values());
        let own = programs.next().expect("it compiles");
        let topic = "acme/orders".to_owned();
        let reads = Arc::new(Program {
            source: Source::Topic { topic },
            ..Program::clone(own)
        });
        let mut memory = Memory::default();
        let said = memory.follow(&documents(&[acme, &globex]));
        let mut basis = Basis::new(said, std::slice::from_ref(own));
        assert_eq!(basis.groups().len(), 2);
        assert!(basis.follow(said, std::slice::from_ref(own)));
        assert!(!basis.follow(said, &[Arc::clone(&reads)]));
        assert_eq!(Basis::new(said, &[reads]).groups().len(), 1);
    }
}
