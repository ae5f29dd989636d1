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

use litemap::LiteMap;
use vrsky_crds::FlowSpec;
use vrsky_crds::tenant::Tier;
use vrsky_crds::values::Duration;
use vrsky_plan::program::{Program, Scale, Stage};
use vrsky_plan::{EdgeName, FlowId};

use crate::World;
use crate::check::{self, Issue};
use crate::object::Object;
use crate::path::Path;
use crate::report::Reports;
use crate::shape::formats;
use crate::signature::{Flow, Signatures, Tenant};

/// After so long a pod that is not needed goes, where nothing else is said.
const IDLE_SECONDS: u32 = 60;
/// So many messages may wait for each pod, where nothing else is said.
const BACKLOG_PER_POD: u32 = 100;
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
    let spec = &*object.body()?;
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
    let (partitions, scale) = body.scale(tenant);
    let (steps, shaped) = body.steps(
        &spec.steps,
        &Path::of("spec.steps"),
        "",
        arrived.as_ref().map(|arrived| arrived.payload.clone()),
    );
    let mut stages = BTreeMap::new();
    let on_error = body.error_stages(&mut stages);
    // Alone, a sink needs no edge of its own: there is nobody that it could hold up. But what comes
    // from another tenant comes by one subject, and is spread from there.
    let spreads = partitions > 1
        && body
            .contract
            .as_ref()
            .is_some_and(|(_, _, foreign)| *foreign);
    let fused = spec.sinks.len() == 1 && !spreads;
    let outputs = body.sinks(shaped.as_ref(), fused, &on_error, &mut stages);
    let arrived = arrived?;
    let ingress = EdgeName::ingress();
    stages.insert(
        ingress.clone(),
        Box::new(Stage {
            subject: flow.id.edge_subject(&ingress),
            input: arrived.input,
            steps: steps.into(),
            outputs: tight(outputs),
            on_error: on_error.into(),
        }),
    );
    if body.reports.is_withheld(flow.object) {
        return None;
    }
    Some(Program {
        version: vrsky_plan::VERSION,
        hash: Box::default(),
        tenant: flow.tenant.clone(),
        tenant_id: tenant.id.clone(),
        flow: flow.id.clone(),
        generation: object.generation,
        suspended: spec.suspend,
        source: arrived.source,
        stages: tight(stages),
        dead_letter_seconds,
        max_payload: usize::try_from(tenant.payload).unwrap_or(usize::MAX),
        partitions,
        scale,
    })
}

/// A map with room for what is in it, and no more: programs are kept by the thousand.
fn tight<K: Ord, V>(
    entries: impl IntoIterator<Item = (K, V), IntoIter: ExactSizeIterator>,
) -> LiteMap<K, V> {
    let entries = entries.into_iter();
    let mut map = LiteMap::with_capacity(entries.len());
    map.extend(entries);
    map
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

    /// Over how many partitions the flow is spread, and how many pods run it, where that is not one.
    fn scale(&mut self, tenant: &Tenant) -> (u32, Option<Scale>) {
        let Some(written) = &self.spec.scale else {
            return (1, None);
        };
        if tenant.tier == Tier::Shared {
            self.report(check::scale::shared());
        }
        let max = written.max.unwrap_or(1);
        let min = written.min.unwrap_or(1);
        if min > max {
            self.report(check::scale::above_max("min", min, max));
        }
        if let Some(replicas) = written.replicas.filter(|replicas| *replicas > max) {
            self.report(check::scale::above_max("replicas", replicas, max));
        }
        if min == 0
            && let Some(connector) = &self.spec.source.connector
        {
            self.report(check::scale::must_be_there(connector));
        }
        if min == max {
            for (field, set) in [
                ("idleAfter", written.idle_after.is_some()),
                ("backlogPerPod", written.backlog_per_pod.is_some()),
            ] {
                if set {
                    self.report(check::scale::never_changes(field));
                }
            }
        }
        let scale = Scale {
            min: written.replicas.unwrap_or(min),
            max: written.replicas.unwrap_or(max),
            backlog_per_pod: written.backlog_per_pod.unwrap_or(BACKLOG_PER_POD),
            idle_seconds: self.idle_seconds(written.idle_after.as_ref()),
        };
        let is_one = (scale.min, scale.max) == (1, 1);
        (max, (!is_one).then_some(scale))
    }

    fn idle_seconds(&mut self, written: Option<&Duration>) -> u32 {
        let Some(Duration(text)) = written else {
            return IDLE_SECONDS;
        };
        let seconds = formats::milliseconds(text).unwrap_or_default() / 1000;
        if !(IDLE_AT_LEAST..=IDLE_AT_MOST).contains(&seconds) {
            self.report(check::scale::idle_after(text));
        }
        u32::try_from(seconds).unwrap_or(IDLE_SECONDS)
    }

    fn id(&self) -> &FlowId {
        &self.flow.id
    }
}
