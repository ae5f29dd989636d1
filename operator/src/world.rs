//! What was seen becomes the compiler's World.

use std::collections::{BTreeMap, BTreeSet};
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
    for (key, seen) in Kind::OURS.into_iter().flat_map(|kind| index.of(kind)) {
        if seen.is_deleting() && !staying.contains(key) {
            continue;
        }
        if key.kind != Kind::Tenant && inventory.is_stranger(index, &key.namespace) {
            continue;
        }
        let last = before.get(key);
        let text = match last {
            Some(last) if seen.is_paused() => last,
            _ => &seen.text,
        };
        documents.push(Document {
            origin: key.origin(),
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
