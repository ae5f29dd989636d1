//! The arrow from World to plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_plan::{FlowId, Plan, Program, TenantName};

use crate::body::{self, Context};
use crate::environment::Environments;
use crate::lower::Programs;
use crate::object::Spec;
use crate::report::Reports;
use crate::signature::{self, Signatures, State};
use crate::{Diagnostic, World, lower, parse, resolve, traffic};

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
    Compiler::default().compile(world)
}

/// Compiles one World after another. The results are those of [`compile`]; the work is that of the
/// documents that differ from the last World's, and of the flows that can see them.
#[derive(Debug, Default)]
pub struct Compiler {
    documents: parse::Memory,
    environments: Environments,
    drafts: BTreeMap<(TenantName, FlowId), Draft>,
}

/// A body about which nothing had to be said.
#[derive(Debug)]
struct Draft {
    spec: Arc<Spec>,
    generation: i64,
    /// `None` while it is being lowered, which changes what nobody else has in place.
    program: Option<Arc<Program>>,
}

impl Compiler {
    /// Compiles the next World.
    pub fn compile(&mut self, world: &World) -> Compiled {
        let mut reports = Reports::default();
        let parsed = parse::parse(world, &mut self.documents);
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
        let origins: Vec<&str> = world
            .documents
            .iter()
            .map(|document| document.origin.as_str())
            .collect();
        Compiled {
            plan,
            diagnostics: reports.sorted(&origins),
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
