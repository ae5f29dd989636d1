//! What users do: a world, and a change to it.

mod flows;
mod others;
mod sharing;
mod tenants;
mod world;

use serde_json::json;

use crate::lane::Edit;
use world::{NAMESPACES, TENANTS};

/// One story.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The world, before the operator has seen it.
    pub(crate) world: Vec<Edit>,
    /// Changes that the operator has carried out before it counts.
    pub(crate) before: Vec<Edit>,
    /// Messages that lie on an edge before it counts: the tenant, and the subject.
    pub(crate) backlog: Option<(&'static str, &'static str)>,
    /// The change that counts.
    pub(crate) change: Vec<Edit>,
    /// All that comes of it is that statuses say so.
    pub(crate) is_only_told: bool,
}

fn create(texts: &[&str]) -> Edit {
    Edit::Create(texts.join("\n---\n"))
}

fn dedicated(tenant: &'static str) -> Edit {
    Edit::Merge(tenant, json!({"spec": {"tier": "Dedicated"}}))
}

fn revoked(grant: &'static str) -> Edit {
    Edit::Merge(grant, json!({"spec": {"revoked": true}}))
}

fn paused(object: &'static str) -> Edit {
    let annotations = json!({"vrsky.io/reconcile": "disabled"});
    Edit::Merge(object, json!({"metadata": {"annotations": annotations}}))
}

fn scenario(name: &'static str, world: &[&str], change: Vec<Edit>) -> Scenario {
    let mut all = vec![NAMESPACES, TENANTS];
    all.extend(world);
    Scenario {
        name,
        world: vec![create(&all)],
        before: Vec::new(),
        backlog: None,
        change,
        is_only_told: false,
    }
}

impl Scenario {
    /// After this was done.
    fn after(mut self, before: Vec<Edit>) -> Self {
        self.before = before;
        self
    }

    /// And nothing is done.
    fn only_told(mut self) -> Self {
        self.is_only_told = true;
        self
    }

    /// While messages lie there.
    fn with_backlog(mut self, tenant: &'static str, subject: &'static str) -> Self {
        self.backlog = Some((tenant, subject));
        self
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = flows::all();
    all.extend(sharing::all());
    all.extend(tenants::all());
    all.extend(others::all());
    all
}
