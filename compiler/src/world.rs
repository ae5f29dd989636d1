//! All that the compiler may know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_plan::{FlowId, Program, TenantName};

/// The compiler's input.
#[derive(Clone, Debug)]
pub struct World {
    /// The time by which grants expire.
    pub now: Timestamp,
    /// What users wrote. Their order means nothing.
    pub documents: Vec<Document>,
    /// What `vrsky.toml` says. `None`: the World is complete (a cluster), so whatever is missing does
    /// not exist.
    pub repository: Option<Repository>,
    /// What runs, each by its tenant and flow. An invalid flow keeps its program; collisions and quotas are decided for it.
    pub incumbents: BTreeMap<(TenantName, FlowId), Arc<Program>>,
    /// How many servers keep each message: 1 or 3.
    pub replicas: usize,
}

/// One file, or one object of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it comes from, as shown to people: a file's path. Unique in a World.
    pub origin: Arc<str>,
    /// YAML, UTF-8: any number of documents separated by `---`.
    pub text: Arc<str>,
    /// The last text of the same file that had no errors, where the caller remembers one. Objects
    /// that cannot be read in `text` are taken from here, so that a half-written file revokes no
    /// grant and deletes no tenant.
    pub before: Option<Arc<str>>,
}

/// What `vrsky.toml` at the root of a repository says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Tenants of which the repository holds everything. A missing reference to any other tenant is
    /// unverifiable instead of wrong.
    pub tenants: BTreeSet<TenantName>,
}
