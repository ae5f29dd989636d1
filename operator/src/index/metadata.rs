//! What is kept of an object's metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use litemap::LiteMap;

use crate::names::{FINALIZER, HASH, INSTANCE, MANAGED_BY, NAME, TENANT};

/// Annotations of others are not kept: `kubectl apply` has the whole object in one.
const ANNOTATIONS: &str = "vrsky.io/";

/// What somebody asks for, in a third of the memory. The name and the namespace are in the
/// [`super::Key`].
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The UID.
    pub uid: Box<str>,
    /// What every write changes.
    pub resource_version: Box<str>,
    /// What every write of `spec` changes; 0 where there is none.
    pub generation: i64,
    /// When it was made, in Unix seconds.
    pub created: Option<i64>,
    /// When somebody asked for its deletion, in Unix seconds.
    pub deleted: Option<i64>,
    /// Whether it carries our finalizer.
    pub is_kept: bool,
    /// Who else has to let go of it before it goes.
    pub finalizers: Box<[String]>,
    /// All labels.
    pub labels: Words,
    /// VRSky's annotations.
    pub annotations: Words,
}

/// Few words by their names.
type Words = LiteMap<Word, Word>;

/// Most are the operator's own, of which none needs memory.
type Word = Cow<'static, str>;

/// The operator's own.
const OWN: [&str; 7] = [
    MANAGED_BY.0,
    MANAGED_BY.1,
    NAME.0,
    NAME.1,
    INSTANCE,
    TENANT,
    HASH,
];

impl From<ObjectMeta> for Metadata {
    fn from(metadata: ObjectMeta) -> Self {
        let mut annotations = metadata.annotations.unwrap_or_default();
        annotations.retain(|name, _| name.starts_with(ANNOTATIONS));
        let mut finalizers = metadata.finalizers.unwrap_or_default();
        let all = finalizers.len();
        finalizers.retain(|one| one != FINALIZER);
        Self {
            uid: metadata.uid.unwrap_or_default().into(),
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0.as_second()),
            deleted: metadata.deletion_timestamp.map(|time| time.0.as_second()),
            is_kept: finalizers.len() < all,
            finalizers: finalizers.into(),
            labels: words(metadata.labels.unwrap_or_default()),
            annotations: words(annotations),
        }
    }
}

impl Metadata {
    /// Whether this is later than what else was seen of the object. Versions are numbers that grow: KEP
    /// 5504, and what etcd has always made them.
    pub(super) fn is_after(&self, other: &ObjectMeta) -> bool {
        let number = |version: &str| version.parse::<u64>().ok();
        let other = other.resource_version.as_deref().and_then(number);
        let this = number(&self.resource_version);
        this.zip(other).is_some_and(|(this, other)| this > other)
    }
}

fn words(words: BTreeMap<String, String>) -> Words {
    let words = words.into_iter();
    let words: Vec<_> = words
        .map(|(name, value)| (word(name), word(value)))
        .collect(); // with room for these and no more
    LiteMap::from_sorted_store_unchecked(words)
}

fn word(text: String) -> Word {
    match OWN.into_iter().find(|own| *own == text) {
        Some(own) => Cow::Borrowed(own),
        None => Cow::Owned(text),
    }
}
