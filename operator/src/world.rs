//! What was seen becomes the compiler's World.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_compiler::{Document, Incumbents, World};

use crate::index::{Index, Key};
use crate::inventory::Inventory;
use crate::kinds::Kind;

/// Makes the World: all objects that are not on their way out, or have to stay for a while, but for
/// those in a namespace that took the name of one that was bound. A paused object says what it said
/// when it was paused.
pub fn build(
    index: &Index,
    inventory: &Inventory,
    staying: &BTreeSet<Key>,
    incumbents: Incumbents,
    replicas: usize,
    now: Timestamp,
) -> World {
    let mut documents = Vec::new();
    let strangers = inventory.strangers(index);
    for (key, seen) in Kind::OURS.into_iter().flat_map(|kind| index.of(kind)) {
        let is_gone = seen.is_deleting() && !staying.contains(key);
        if is_gone || strangers.contains(&*key.namespace) {
            continue;
        }
        let remembered = || inventory.remembered(key, seen);
        let before = seen.sound.clone().or_else(remembered);
        let text = match &before {
            Some(before) if seen.is_paused() => before,
            _ => &seen.text,
        };
        documents.push(Document {
            origin: Arc::clone(&seen.origin),
            text: Arc::clone(text),
            before,
            held: seen.is_paused(),
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
