//! The arrow from World to plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vrsky_plan::Plan;

use crate::body::{self, Context};
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
    let mut reports = Reports::default();
    let parsed = parse::parse(world);
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
    let mut drafts = BTreeMap::new();
    for flow in &signatures.flows {
        if let Some(program) = body::draft(context, flow, &mut reports) {
            drafts.insert(flow.object, program);
        }
    }
    let programs = lower::choose(world, &objects, &signatures, drafts, &mut reports);
    let forbidden = traffic::forbidden(&signatures, &programs);
    let plan = lower::lower(&objects, &signatures, &forbidden, programs);
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
