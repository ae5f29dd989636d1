//! Which documents can matter to each other: those of tenants that claim the same namespace, and of
//! tenants of whom one lets the other read, or did when what runs was made.
//!
//! What is said of one group, and its part of the plan, depends on no other group: each is compiled by
//! itself, and again only when something in it has changed.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::unionfind::UnionFind;
use vrsky_plan::program::Source;
use vrsky_plan::{FlowId, Program, TenantName};

use crate::World;
use crate::object::Spec;
use crate::parse::Read;

/// What can matter to each other.
#[derive(Default)]
pub(crate) struct Group<'a> {
    /// Places in the World.
    pub(crate) documents: Vec<usize>,
    /// What runs of the group's tenants.
    pub(crate) incumbents: Vec<(&'a (TenantName, FlowId), &'a Arc<Program>)>,
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

/// The groups of a World whose documents say this.
pub(crate) fn groups<'a>(world: &'a World, reads: &'a [Arc<Read>]) -> Vec<Group<'a>> {
    let mut ties = Ties {
        documents: reads.len(),
        names: HashMap::new(),
        last: None,
        pairs: Vec::new(),
    };
    for (document, read) in reads.iter().enumerate() {
        for (object, _) in &read.objects {
            match object.spec.as_deref() {
                Some(Spec::Tenant(spec)) => {
                    ties.tie(document, Name::Tenant(&object.name));
                    for namespace in &spec.namespaces {
                        ties.tie(document, Name::Namespace(namespace));
                    }
                    continue;
                }
                Some(Spec::Grant(spec)) => ties.tie(document, Name::Tenant(&spec.to.tenant)),
                _ => {}
            }
            ties.tie(document, Name::Namespace(&object.namespace));
        }
    }
    let mut running = Vec::new();
    for (key, program) in &world.incumbents {
        let tenant = ties.number(Name::Tenant(key.0.as_str()));
        running.push((tenant, key, program));
        if let Source::Topic { topic } = &program.source
            && let Some((owner, _)) = topic.split_once('/')
            && owner != key.0.as_str()
        {
            ties.tie(tenant, Name::Tenant(owner));
        }
    }
    let mut union: UnionFind<usize> = UnionFind::new(ties.documents + ties.names.len());
    for (one, other) in ties.pairs {
        union.union(one, other);
    }
    let group_of = union.into_labeling();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (document, group) in group_of.iter().take(reads.len()).enumerate() {
        let next = groups.len();
        let place = *places.entry(*group).or_insert(next);
        if place == next {
            groups.push(Group::default());
        }
        groups[place].documents.push(document);
    }
    for (tenant, key, program) in running {
        // What runs of a tenant of whom nothing is written matters to nobody.
        if let Some(place) = places.get(&group_of[tenant]) {
            groups[*place].incumbents.push((key, program));
        }
    }
    groups
}
