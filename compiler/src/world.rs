//! All that the compiler may know.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_plan::{FlowId, Plan, Program, TenantName};

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
    /// What runs. An invalid flow keeps its program; collisions and quotas are decided for it.
    pub incumbents: Incumbents,
    /// How many servers keep each message: 1 or 3.
    pub replicas: usize,
}

/// Programs that run, one of each flow of each tenant.
#[derive(Clone, Debug, Default)]
pub struct Incumbents(Vec<Arc<Program>>);

impl Incumbents {
    /// That of one flow.
    pub fn get(&self, tenant: &TenantName, flow: &FlowId) -> Option<&Arc<Program>> {
        let key = (tenant, flow);
        let at = self
            .0
            .binary_search_by(|program| identity(program).cmp(&key));
        self.0.get(at.ok()?)
    }

    /// All of them, ordered by tenant and flow.
    pub fn as_slice(&self) -> &[Arc<Program>] {
        &self.0
    }

    /// Forgets those of which this is not true.
    pub fn retain(&mut self, is_kept: impl FnMut(&Arc<Program>) -> bool) {
        self.0.retain(is_kept);
    }
}

fn identity(program: &Program) -> (&TenantName, &FlowId) {
    (&program.tenant, &program.flow)
}

/// A program takes the place of the one of the same flow.
impl Extend<Arc<Program>> for Incumbents {
    fn extend<T: IntoIterator<Item = Arc<Program>>>(&mut self, programs: T) {
        self.0.extend(programs);
        // It is stable: those of one flow stand in the order in which they came.
        self.0
            .sort_by(|one, other| identity(one).cmp(&identity(other)));
        self.0.dedup_by(|later, earlier| {
            let is_same = identity(later) == identity(earlier);
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
    }
}

/// What runs once the plan is true.
impl From<&Plan> for Incumbents {
    fn from(plan: &Plan) -> Self {
        let tenants = plan.tenants.values();
        let programs = tenants.flat_map(|tenant| tenant.programs.values());
        programs.cloned().collect()
    }
}

impl FromIterator<Arc<Program>> for Incumbents {
    fn from_iter<T: IntoIterator<Item = Arc<Program>>>(programs: T) -> Self {
        let mut incumbents = Self::default();
        incumbents.extend(programs);
        incumbents
    }
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
    /// What runs of its flows goes on, whatever is said here.
    pub held: bool,
}

impl Document {
    /// A document of which nothing else is known.
    pub fn new(origin: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            origin: origin.into(),
            text: text.into(),
            before: None,
            held: false,
        }
    }
}

/// What `vrsky.toml` at the root of a repository says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Tenants of which the repository holds everything. A missing reference to any other tenant is
    /// unverifiable instead of wrong.
    pub tenants: BTreeSet<TenantName>,
}
