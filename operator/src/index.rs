//! What the watches saw: the operator's only view of the cluster.
//!
//! Every object is held as the API server said it, never as a type of ours: one that is broken or of
//! a newer version is seen like the others, and the compiler says what is wrong with it.

mod key;
mod metadata;
mod seen;
mod told;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use vrsky_crds::status::Status;

use crate::kinds::Kind;

pub use key::Key;
pub use metadata::Metadata;
pub use seen::{Seen, document};
pub use told::Told;

use told::Phrases;

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that was not known: an object that was seen before, or the echo of a status.
    Nothing,
    /// Only a status, and not by the operator.
    Status,
    /// Something that may matter to what is decided.
    Matters,
}

impl Change {
    fn whether(matters: bool) -> Self {
        if matters {
            Self::Matters
        } else {
            Self::Nothing
        }
    }
}

/// Everything that was seen.
#[derive(Debug)]
pub struct Index {
    /// What is watched.
    kinds: BTreeSet<Kind>,
    /// By their keys. A tree takes ten times as much for each.
    #[allow(clippy::vec_box)] // an insertion moves what comes after it
    objects: Vec<Box<Seen>>,
    /// What statuses say.
    phrases: Phrases,
    /// Kinds whose first list is complete.
    ready: BTreeSet<Kind>,
    /// What a list that is under way has brought so far.
    listing: BTreeMap<Kind, BTreeSet<Key>>,
    /// Objects whose finalizer may have to be put on, or taken off.
    unsettled: BTreeSet<Key>,
    /// VRSky's own whose text nobody has found to be sound.
    unjudged: BTreeSet<Key>,
    /// Whether no Tenant, Grant or Namespace has changed, or turned out to be sound, since somebody said
    /// so.
    is_bound: bool,
}

impl Index {
    /// An index of what these kinds' watches say.
    pub fn new(kinds: BTreeSet<Kind>) -> Self {
        Self {
            kinds,
            objects: Vec::new(),
            phrases: Phrases::default(),
            ready: BTreeSet::new(),
            listing: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            unjudged: BTreeSet::new(),
            is_bound: false,
        }
    }

    /// What is watched.
    pub fn kinds(&self) -> &BTreeSet<Kind> {
        &self.kinds
    }

    /// Takes in what a watch said.
    pub fn take(&mut self, kind: Kind, event: Event<DynamicObject>) -> Change {
        match event {
            Event::Init => {
                self.listing.insert(kind, BTreeSet::new());
                Change::Nothing
            }
            Event::InitApply(object) => {
                let key = Key::of(kind, &object.metadata);
                if let Some(listing) = self.listing.get_mut(&kind) {
                    listing.insert(key.clone());
                }
                self.put(&key, object)
            }
            Event::InitDone => {
                let listed = self.listing.remove(&kind).unwrap_or_default();
                let there = self.of(kind).map(|(key, _)| key);
                let gone = there.filter(|key| !listed.contains(*key));
                let gone: Vec<Key> = gone.cloned().collect();
                for key in &gone {
                    self.remove(key);
                }
                let first = self.ready.insert(kind);
                Change::whether(first || !gone.is_empty())
            }
            Event::Apply(object) => {
                let key = Key::of(kind, &object.metadata);
                let seen = self.get(&key);
                // A write of ours has left a later one, of which the watch tells next.
                if seen.is_some_and(|seen| seen.metadata.is_after(&object.metadata)) {
                    return Change::Nothing;
                }
                self.put(&key, object)
            }
            Event::Delete(object) => {
                let gone = self.remove(&Key::of(kind, &object.metadata));
                Change::whether(gone)
            }
        }
    }

    /// Whether the first list of every kind is complete. Before that, nothing that seems to be gone
    /// is gone.
    pub fn is_ready(&self) -> bool {
        self.missing().next().is_none()
    }

    /// The kinds that have not been listed yet.
    pub fn missing(&self) -> impl Iterator<Item = Kind> + '_ {
        self.kinds.difference(&self.ready).copied()
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Seen> {
        let place = self.place(key).ok()?;
        Some(&self.objects[place])
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Seen> {
        let place = self.place(key).ok()?;
        Some(&mut self.objects[place])
    }

    /// Where an object is, or would be.
    fn place(&self, key: &Key) -> Result<usize, usize> {
        self.objects.binary_search_by(|seen| seen.key.cmp(key))
    }

    /// All objects of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = (&Key, &Seen)> {
        self.between(move |key| key.kind.cmp(&kind))
    }

    /// All objects of a kind in a namespace.
    pub fn within(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = (&Key, &Seen)> {
        self.between(move |key| (key.kind, &*key.namespace).cmp(&(kind, namespace)))
    }

    /// All objects whose keys are neither before nor after what is asked for.
    fn between(&self, order: impl Fn(&Key) -> Ordering) -> impl Iterator<Item = (&Key, &Seen)> {
        let first = self
            .objects
            .partition_point(|seen| order(&seen.key).is_lt());
        let rest = self.objects[first..].iter();
        rest.take_while(move |seen| order(&seen.key).is_eq())
            .map(|seen| (&seen.key, seen.as_ref()))
    }

    fn insert(&mut self, seen: Seen) {
        match self.place(&seen.key) {
            Ok(place) => *self.objects[place] = seen,
            Err(place) => self.objects.insert(place, Box::new(seen)),
        }
    }

    /// What `look` sees with `object` in its place. Afterwards everything is as it was.
    pub fn suppose<T>(
        &mut self,
        kind: Kind,
        mut object: DynamicObject,
        look: impl FnOnce(&Self) -> T,
    ) -> T {
        let key = Key::of(kind, &object.metadata);
        let before = self.get(&key).cloned();
        let was_judged = !self.unjudged.contains(&key);
        // What is about to be written still has the version of what it was read as.
        object.metadata.resource_version = None;
        let _change = self.put(&key, object);
        let seen = look(self);
        match before {
            Some(before) => {
                self.insert(before);
                self.note(&key);
            }
            None => drop(self.remove(&key)),
        }
        if was_judged {
            self.unjudged.remove(&key);
        }
        seen
    }

    /// Whether what follows from Tenants, Grants and Namespaces alone still does.
    pub fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// Somebody has followed them.
    pub fn bound(&mut self) {
        self.is_bound = true;
    }

    /// Remembers the texts of VRSky's own objects in which nothing is wrong. Asked of those alone that
    /// were not sound when they were last asked about.
    pub fn judge(&mut self, is_sound: impl Fn(&Key, &Seen) -> bool) {
        let mut unjudged = std::mem::take(&mut self.unjudged);
        unjudged.retain(|key| {
            let Some(seen) = self.get_mut(key) else {
                return false;
            };
            let is_sound = is_sound(key, seen);
            if is_sound {
                seen.sound = Some(Arc::clone(&seen.text));
                self.is_bound &= !is_binding(key.kind);
            }
            !is_sound
        });
        self.unjudged = unjudged;
    }

    /// True if it was there.
    fn remove(&mut self, key: &Key) -> bool {
        let gone = self.place(key).map(|place| self.objects.remove(place));
        self.note(key);
        gone.is_ok()
    }

    /// Objects that have something in NATS, or will, and do not carry our finalizer or are on their way
    /// out.
    pub fn unsettled(&self) -> impl Iterator<Item = (&Key, &Seen)> {
        let keys = self.unsettled.iter();
        keys.filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Notes that the object may have changed, and whether it is unsettled now.
    fn note(&mut self, key: &Key) {
        self.is_bound &= !is_binding(key.kind);
        let seen = self.get(key);
        let is_unsettled = Kind::KEPT.contains(&key.kind)
            && seen.is_some_and(|seen| seen.is_deleting() || !seen.metadata.is_kept);
        if is_unsettled {
            self.unsettled.insert(key.clone());
        } else {
            self.unsettled.remove(key);
        }
    }

    /// Notes a status that was just written into what was seen, and the version that this has become:
    /// the watch brings nothing new with it. `None`: it was not written, since there is a later version
    /// than was seen. The watch brings that, and as it says something else, it is news.
    pub fn told(&mut self, key: &Key, status: Status, version: Option<String>) {
        let told = Told::new(status, &mut self.phrases);
        if let Some(seen) = self.get_mut(key) {
            seen.told = told;
            if let Some(version) = version {
                seen.metadata.resource_version = version.into();
            }
        }
    }

    /// Notes the metadata that a write of ours has left, so that the watch brings no news with it;
    /// unless somebody has changed the object meanwhile, which the watch is to bring.
    pub fn wrote(&mut self, key: &Key, metadata: ObjectMeta) {
        let metadata = Metadata::from(metadata);
        if let Some(seen) = self.get_mut(key)
            && seen.metadata.uid == metadata.uid
            && seen.metadata.generation == metadata.generation
            && seen.metadata.annotations == metadata.annotations
            && seen.metadata.deleted == metadata.deleted
        {
            seen.metadata = metadata;
        }
        self.note(key);
    }

    fn put(&mut self, key: &Key, object: DynamicObject) -> Change {
        // Not by `get`, which would borrow the phrases too.
        let place = self.place(key).ok();
        let before = place.map(|place| self.objects[place].as_ref());
        let version = object.metadata.resource_version.as_deref();
        let same_version =
            before.is_some_and(|seen| Some(&*seen.metadata.resource_version) == version);
        if same_version {
            return Change::Nothing;
        }
        let seen = Seen::of(key, object, before, &mut self.phrases);
        if key.kind.is_ours() && before.is_none_or(|it| !Arc::ptr_eq(&it.text, &seen.text)) {
            self.unjudged.insert(key.clone());
        }
        let change = match before {
            Some(before) if !seen.matters(key.kind, before) => {
                if before.told == seen.told {
                    Change::Nothing
                } else {
                    Change::Status
                }
            }
            _ => Change::Matters,
        };
        self.insert(seen);
        self.note(key);
        change
    }
}

fn is_binding(kind: Kind) -> bool {
    matches!(kind, Kind::Tenant | Kind::Grant | Kind::Namespace)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::RECONCILE;

    fn flow(version: &str, annotations: &serde_json::Value) -> DynamicObject {
        let object = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Flow",
            "metadata": {
                "name": "shop",
                "namespace": "acme",
                "uid": "one",
                "generation": 1,
                "resourceVersion": version,
                "annotations": annotations,
            },
            "spec": {},
        });
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn what_our_own_write_brings_is_no_news_unless_somebody_else_wrote_too() {
        let foreign = json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
        let paused = json!({RECONCILE: "disabled"});
        for (annotations, news) in [(foreign, Change::Nothing), (paused, Change::Matters)] {
            let mut index = Index::new(BTreeSet::from([Kind::Flow]));
            let first = Event::Apply(flow("1", &json!({})));
            assert_eq!(index.take(Kind::Flow, first), Change::Matters);
            let written = flow("2", &annotations);
            let key = Key::of(Kind::Flow, &written.metadata);
            index.wrote(&key, written.metadata.clone());
            assert_eq!(index.take(Kind::Flow, Event::Apply(written)), news);
        }
    }

    #[test]
    fn what_a_watch_brings_late_does_not_undo_what_was_written_since() {
        let mut index = Index::new(BTreeSet::from([Kind::Flow]));
        let first = flow("9", &json!({}));
        let key = Key::of(Kind::Flow, &first.metadata);
        index.take(Kind::Flow, Event::Apply(first));
        let status = |generation| Status {
            observed_generation: generation,
            ..Status::default()
        };
        index.told(&key, status(1), Some("11".to_owned()));
        for version in ["10", "11"] {
            let echo = Event::Apply(flow(version, &json!({})));
            assert_eq!(index.take(Kind::Flow, echo), Change::Nothing);
            assert_eq!(index.get(&key).expect("there").told.status(), status(1));
        }
        // A status that met another version is told again, as soon as that is seen.
        index.told(&key, status(2), None);
        let later = flow("12", &json!({}));
        assert_eq!(index.take(Kind::Flow, Event::Apply(later)), Change::Status);
        // A list is what there is, whatever its numbers are: a cluster may have been restored.
        let restored = Event::InitApply(flow("3", &json!({})));
        index.take(Kind::Flow, restored);
        assert_eq!(
            &*index.get(&key).expect("there").metadata.resource_version,
            "3"
        );
    }
}
