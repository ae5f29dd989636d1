//! What was seen becomes the compiler's World.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_compiler::{Document, World};
use vrsky_plan::{FlowId, Program, TenantName};

use crate::index::{Index, Key};
use crate::inventory::Inventory;
use crate::kinds::Kind;

/// What runs.
pub type Incumbents = BTreeMap<(TenantName, FlowId), Arc<Program>>;

/// The last texts without errors, by object.
pub type Before = BTreeMap<Key, Arc<str>>;

/// Looks up keys that come in their order, without a search for each.
struct InOrder<'a, V>(Peekable<btree_map::Iter<'a, Key, V>>);

impl<'a, V> InOrder<'a, V> {
    fn new(map: &'a BTreeMap<Key, V>) -> Self {
        Self(map.iter().peekable())
    }

    fn get(&mut self, key: &Key) -> Option<&'a V> {
        while self.0.next_if(|(passed, _)| *passed < key).is_some() {}
        let (_, found) = self.0.next_if(|(next, _)| *next == key)?;
        Some(found)
    }
}

/// Makes the World: all objects that are not on their way out, or have to stay for a while, but for
/// those in a namespace that took the name of one that was bound. A paused object says what it said
/// when it was paused.
pub fn build(
    index: &Index,
    inventory: &Inventory,
    before: &Before,
    staying: &BTreeSet<Key>,
    incumbents: Incumbents,
    replicas: usize,
    now: Timestamp,
) -> World {
    let mut documents = Vec::new();
    let mut before = InOrder::new(before);
    let mut neighbour: Option<(&str, bool)> = None;
    for (key, seen) in Kind::OURS.into_iter().flat_map(|kind| index.of(kind)) {
        let last = before.get(key);
        if seen.is_deleting() && !staying.contains(key) {
            continue;
        }
        // Objects of one namespace follow each other.
        let is_strange = match neighbour {
            _ if key.kind == Kind::Tenant => false,
            Some((namespace, is_strange)) if namespace == key.namespace => is_strange,
            _ => inventory.is_stranger(index, &key.namespace),
        };
        neighbour = Some((&key.namespace, is_strange));
        if is_strange {
            continue;
        }
        let text = match last {
            Some(last) if seen.is_paused() => last,
            _ => &seen.text,
        };
        documents.push(Document {
            origin: Arc::clone(&seen.origin),
            text: Arc::clone(text),
            before: last.cloned().or_else(|| inventory.remembered(key, seen)),
        });
    }
    World {
        now,
        documents,
        repository: None,
        incumbents,
        replicas,
    }
}
