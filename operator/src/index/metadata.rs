//! What is kept of an object's metadata.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use litemap::LiteMap;

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
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When somebody asked for its deletion.
    pub deleted: Option<Timestamp>,
    /// Who has to let go of it before it goes.
    pub finalizers: Box<[String]>,
    /// All labels.
    pub labels: Words,
    /// VRSky's annotations.
    pub annotations: Words,
}

/// Few words by their names.
type Words = LiteMap<Box<str>, Box<str>>;

impl From<ObjectMeta> for Metadata {
    fn from(metadata: ObjectMeta) -> Self {
        let mut annotations = metadata.annotations.unwrap_or_default();
        annotations.retain(|name, _| name.starts_with(ANNOTATIONS));
        Self {
            uid: metadata.uid.unwrap_or_default().into(),
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            deleted: metadata.deletion_timestamp.map(|time| time.0),
            finalizers: metadata.finalizers.unwrap_or_default().into(),
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

fn words(words: impl IntoIterator<Item = (String, String)>) -> Words {
    let words = words.into_iter();
    words
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
