//! The arrow from World to plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_plan::{FlowId, Plan, Program, TenantName};

use crate::body::{self, Context};
use crate::environment::Environments;
use crate::groups::{Basis, Group};
use crate::lower::Programs;
use crate::object::Spec;
use crate::parse::{Memory, Read};
use crate::report::{self, Reports};
use crate::signature::{self, Signatures, State};
use crate::{Diagnostic, Repository, World, lower, parse, resolve, traffic};

/// The compiler's output.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What must be true.
    pub plan: Plan,
    /// What there is to say, sorted by origin, place and code.
    pub diagnostics: Vec<Diagnostic>,
    /// When the result changes by itself, because a grant expires.
    pub recheck_at: Option<Timestamp>,
}

/// Compiles a World. Pure and total.
///
/// First every object is read and signed: what it is, whose it is, what it shares. Then each flow's
/// body is typed against the signatures that it refers to, and what was proved is lowered.
pub fn compile(world: &World) -> Compiled {
    let mut documents = Memory::default();
    Part::default().compile(world, documents.follow(&world.documents))
}

/// Compiles one World after another. The results are those of [`compile`]; the work is that of the
/// documents that differ from the last World's, and of the flows that can see them.
#[derive(Debug, Default)]
pub struct Compiler {
    documents: Memory,
    /// What the groups follow from.
    basis: Basis,
    groups: Vec<(Group, Part)>,
}

impl Compiler {
    /// Compiles the next World.
    pub fn compile(&mut self, world: &World) -> Compiled {
        let reads = self.documents.follow(&world.documents);
        let incumbents = world.incumbents.as_slice();
        if !self.basis.follow(reads, incumbents) {
            let basis = Basis::new(reads, incumbents);
            // Groups of the same first document have much in common.
            let before = std::mem::take(&mut self.groups).into_iter();
            let mut before: HashMap<Arc<str>, Part> = before
                .filter_map(|(group, part)| Some((self.basis.first(&group)?, part)))
                .collect();
            let groups = basis.groups().into_iter();
            self.groups = groups
                .map(|group| {
                    let first = basis.first(&group);
                    let part = first.and_then(|first| before.remove(&first));
                    (group, part.unwrap_or_default())
                })
                .collect();
            self.basis = basis;
        }
        let mut compiled = Compiled {
            plan: Plan::empty(),
            diagnostics: Vec::new(),
            recheck_at: None,
        };
        for (group, part) in &mut self.groups {
            let one = part.follow(world, reads, incumbents, group);
            let tenants = one.plan.tenants.iter();
            let tenants = tenants.map(|(name, tenant)| (name.clone(), Arc::clone(tenant)));
            compiled.plan.tenants.extend(tenants);
            compiled
                .diagnostics
                .extend(one.diagnostics.iter().map(|diagnostic| {
                    let mut diagnostic = diagnostic.clone();
                    diagnostic.moved(|document| group.documents[document]);
                    diagnostic
                }));
            let rechecks = compiled.recheck_at.into_iter().chain(one.recheck_at);
            compiled.recheck_at = rechecks.min();
        }
        report::sort(&mut compiled.diagnostics, &world.documents);
        compiled
    }
}

/// A group of documents, and what is worth keeping of it between one World and the next.
#[derive(Debug, Default)]
struct Part {
    last: Option<Last>,
    environments: Environments,
    drafts: BTreeMap<(TenantName, FlowId), Draft>,
}

/// What a group was last compiled from, and to.
#[derive(Debug)]
struct Last {
    now: Timestamp,
    reads: Vec<Arc<Read>>,
    incumbents: Vec<Arc<Program>>,
    repository: Option<Repository>,
    replicas: usize,
    compiled: Compiled,
}

/// A body about which nothing had to be said.
#[derive(Debug)]
struct Draft {
    spec: Arc<Spec>,
    generation: i64,
    /// `None` while it is being lowered, which changes what nobody else has in place.
    program: Option<Arc<Program>>,
}

impl Last {
    /// Whether the group would be compiled to the same again.
    fn holds(
        &self,
        world: &World,
        reads: &[Arc<Read>],
        incumbents: &[Arc<Program>],
        group: &Group,
    ) -> bool {
        let mut said = self.reads.iter().zip(&group.documents);
        let mut ran = self.incumbents.iter().zip(&group.incumbents);
        self.now <= world.now
            && self.compiled.recheck_at.is_none_or(|at| world.now < at)
            && self.replicas == world.replicas
            && self.repository == world.repository
            && self.reads.len() == group.documents.len()
            && self.incumbents.len() == group.incumbents.len()
            && said.all(|(last, document)| Arc::ptr_eq(last, &reads[*document]))
            && ran.all(|(last, incumbent)| Arc::ptr_eq(last, &incumbents[*incumbent]))
    }
}

impl Part {
    /// Compiles the group as it is now, unless that is what it was.
    fn follow(
        &mut self,
        world: &World,
        reads: &[Arc<Read>],
        incumbents: &[Arc<Program>],
        group: &Group,
    ) -> &Compiled {
        let last = self.last.take();
        let last = last.filter(|last| last.holds(world, reads, incumbents, group));
        let last = last.unwrap_or_else(|| {
            let documents = group.documents.iter();
            let reads: Vec<Arc<Read>> = documents
                .clone()
                .map(|at| Arc::clone(&reads[*at]))
                .collect();
            let incumbents: Vec<Arc<Program>> = group
                .incumbents
                .iter()
                .map(|at| Arc::clone(&incumbents[*at]))
                .collect();
            let part = World {
                now: world.now,
                documents: documents.map(|at| world.documents[*at].clone()).collect(),
                repository: world.repository.clone(),
                incumbents: incumbents.iter().cloned().collect(),
                replicas: world.replicas,
            };
            Last {
                now: world.now,
                compiled: self.compile(&part, &reads),
                reads,
                incumbents,
                repository: part.repository,
                replicas: part.replicas,
            }
        });
        &self.last.insert(last).compiled
    }

    /// Compiles a World whose documents say this.
    fn compile(&mut self, world: &World, reads: &[Arc<Read>]) -> Compiled {
        let mut reports = Reports::default();
        let parsed = parse::parse(&world.documents, reads);
        for diagnostic in parsed.diagnostics {
            reports.push(diagnostic);
        }
        let (objects, signatures) = signature::sign(world, parsed.objects, &mut reports);
        resolve::own(&objects, &signatures, &mut reports);
        traffic::check(world, &objects, &signatures, &mut reports);
        let context = Context {
            world,
            objects: &objects,
            signatures: &signatures,
        };
        let drafts = self.drafts(context, &mut reports);
        let (programs, held) = lower::choose(world, &objects, &signatures, drafts, &mut reports);
        let forbidden = traffic::forbidden(&signatures, &programs);
        let programs = lower::fill(&signatures, &forbidden, programs);
        self.remember(&programs, &held);
        let plan = lower::lower(&objects, &signatures, programs, world.replicas);
        Compiled {
            plan,
            diagnostics: reports.sorted(&world.documents),
            recheck_at: recheck_at(world, &signatures),
        }
    }

    /// Types the bodies of all flows, but for those that say what they said, where they said it.
    fn drafts(
        &mut self,
        context: Context<'_>,
        reports: &mut Reports,
    ) -> BTreeMap<usize, Arc<Program>> {
        let Context {
            world,
            objects,
            signatures,
        } = context;
        let environments = Environments::of(world, objects, signatures, reports);
        let before = std::mem::replace(&mut self.environments, environments);
        let same = self.environments.same(&before);
        let mut known = std::mem::take(&mut self.drafts);
        let mut drafts = BTreeMap::new();
        for flow in &signatures.flows {
            let object = &objects[flow.object];
            let Some(spec) = &object.spec else { continue };
            let key = (flow.tenant.clone(), flow.id.clone());
            let draft = known.remove(&key).filter(|draft| {
                same.contains(&flow.tenant)
                    && Arc::ptr_eq(&draft.spec, spec)
                    && draft.generation == object.generation
            });
            let program = if let Some(draft) = draft {
                draft.program
            } else {
                let found = reports.count();
                let drafted = body::draft(context, flow, reports).map(Arc::new);
                // What is said names places, which move: it is said anew each time.
                if reports.count() > found {
                    drafts.extend(drafted.map(|program| (flow.object, program)));
                    continue;
                }
                drafted
            };
            let Some(program) = program else { continue };
            let mut draft = Draft {
                spec: Arc::clone(spec),
                generation: object.generation,
                program: None,
            };
            if reports.is_withheld(flow.object) {
                draft.program = Some(program);
            } else {
                drafts.insert(flow.object, program);
            }
            self.drafts.insert(key, draft);
        }
        drafts
    }

    /// Keeps the drafts as they were lowered, for the next World.
    fn remember(&mut self, programs: &Programs, held: &BTreeSet<(TenantName, FlowId)>) {
        self.drafts.retain(|key, draft| {
            if draft.program.is_none() && !held.contains(key) {
                draft.program = programs.get(key).cloned();
            }
            draft.program.is_some()
        });
    }
}

/// The next expiry.
fn recheck_at(world: &World, signatures: &Signatures) -> Option<Timestamp> {
    signatures
        .grants
        .iter()
        .filter(|grant| grant.state == State::Valid)
        .filter_map(|grant| grant.expires)
        .filter(|expires| *expires > world.now)
        .min()
}
