//! The second phase: one flow's body, typed from its source to its sinks.
//!
//! A body sees the flow and the signatures that it refers to, and nothing else; that is what keeps
//! one tenant's text out of another's results.

mod expressions;
mod parameters;
mod sinks;
mod source;
mod steps;

use std::collections::BTreeMap;

use vrsky_crds::FlowSpec;
use vrsky_crds::tenant::Tier;
use vrsky_crds::values::Duration;
use vrsky_plan::program::{Program, Stage};
use vrsky_plan::{EdgeName, FlowId};

use crate::World;
use crate::check::{self, Issue};
use crate::object::Object;
use crate::path::Path;
use crate::report::Reports;
use crate::shape::formats;
use crate::signature::{Flow, Signatures, Tenant};

/// After so long without anything to do a flow goes to zero, where nothing else is said.
const IDLE_SECONDS: u32 = 60;
/// What may be said.
const IDLE_AT_LEAST: u64 = 10;
const IDLE_AT_MOST: u64 = 86_400;

/// What a body may look at.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) objects: &'a [Object],
    pub(crate) signatures: &'a Signatures,
}

/// One body under examination.
struct Body<'a, 'r> {
    context: Context<'a>,
    flow: &'a Flow,
    spec: &'a FlowSpec,
    reports: &'r mut Reports,
    /// Where the contract of what arrives stands: object, path, whether it is another tenant's.
    contract: Option<(usize, String, bool)>,
}

impl Body<'_, '_> {
    fn report(&mut self, issue: Issue) {
        self.reports
            .add(self.context.objects, self.flow.object, issue);
    }
}

/// Types one flow and lowers it. `None`: something is wrong with it, which was said. The publish
/// lists of topics are empty; who reads is known when all flows are lowered.
pub(crate) fn draft(context: Context<'_>, flow: &Flow, reports: &mut Reports) -> Option<Program> {
    let object = &context.objects[flow.object];
    let spec = object.flow()?;
    let tenant = context.signatures.tenants.get(&flow.tenant)?;
    let mut body = Body {
        context,
        flow,
        spec,
        reports,
        contract: None,
    };
    let arrived = body.source();
    let dead_letter_seconds = body.dead_letters(tenant);
    let idle_seconds = body.scale(tenant);
    let (steps, shaped) = body.steps(
        &spec.steps,
        &Path::of("spec.steps"),
        "",
        arrived.as_ref().map(|arrived| arrived.payload.clone()),
    );
    let mut stages = BTreeMap::new();
    let on_error = body.error_stages(&mut stages);
    let outputs = body.sinks(shaped.as_ref(), &on_error, &mut stages);
    let arrived = arrived?;
    let ingress = EdgeName::ingress();
    stages.insert(
        ingress.clone(),
        Stage {
            subject: flow.id.edge_subject(&ingress),
            input: arrived.input,
            steps,
            outputs,
            on_error,
        },
    );
    if body.reports.is_withheld(flow.object) {
        return None;
    }
    Some(Program {
        version: vrsky_plan::VERSION,
        hash: String::new(),
        tenant: flow.tenant.clone(),
        tenant_id: tenant.id.clone(),
        flow: flow.id.clone(),
        generation: object.generation,
        suspended: spec.suspend,
        source: arrived.source,
        stages,
        dead_letter_seconds,
        max_payload: usize::try_from(tenant.payload).unwrap_or(usize::MAX),
        idle_seconds,
    })
}

impl Body<'_, '_> {
    /// Seconds that dead letters are kept.
    fn dead_letters(&mut self, tenant: &Tenant) -> u64 {
        let week = 7 * 86_400;
        let asked = self
            .spec
            .delivery
            .as_ref()
            .and_then(|delivery| delivery.dead_letter.as_ref()?.retention.as_ref());
        let Some(Duration(text)) = asked else {
            return week.min(tenant.dead_letter_seconds);
        };
        let seconds = formats::milliseconds(text)
            .unwrap_or_default()
            .div_ceil(1000)
            .max(1);
        if seconds > tenant.dead_letter_seconds {
            self.report(check::dead_letter_retention::issue(
                text,
                &tenant.dead_letters,
            ));
        }
        seconds
    }

    /// After how many seconds without anything to do the flow goes to zero, if it may.
    fn scale(&mut self, tenant: &Tenant) -> Option<u32> {
        let scale = self.spec.scale.as_ref()?;
        if tenant.tier == Tier::Shared {
            self.report(check::scale::shared());
        }
        if scale.min > 0 {
            if scale.idle_after.is_some() {
                self.report(check::scale::never_idle());
            }
            return None;
        }
        if let Some(connector) = &self.spec.source.connector {
            self.report(check::scale::must_be_there(connector));
        }
        let Some(Duration(text)) = &scale.idle_after else {
            return Some(IDLE_SECONDS);
        };
        let seconds = formats::milliseconds(text).unwrap_or_default() / 1000;
        if !(IDLE_AT_LEAST..=IDLE_AT_MOST).contains(&seconds) {
            self.report(check::scale::idle_after(text));
        }
        u32::try_from(seconds).ok()
    }

    fn id(&self) -> &FlowId {
        &self.flow.id
    }
}
