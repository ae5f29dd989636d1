//! A save that was applied and is not yet confirmed by the runtimes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vrsky_broker::{Action, Revoked};
use vrsky_compiler::Incumbents;
use vrsky_plan::{FlowId, Plan, Report};

/// When the runtimes have not reported by then, we say so and go on waiting silently.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Pending {
    /// When the save was seen.
    pub(crate) since: Instant,
    /// Flows whose program changed, came or went.
    pub(crate) flows: Vec<String>,
    /// What the broker did.
    pub(crate) actions: Vec<Action>,
    /// What ended.
    pub(crate) revoked: Vec<Revoked>,
    /// Something of it failed and is tried again.
    pub(crate) is_unfinished: bool,
    /// The hashes that runtimes have to report.
    wanted: BTreeMap<FlowId, String>,
}

impl Pending {
    /// What changes between what ran and `plan`.
    pub(crate) fn between(since: Instant, before: &Incumbents, plan: &Plan) -> Self {
        let after = Incumbents::from(plan);
        let wanted: BTreeMap<FlowId, String> = after
            .as_slice()
            .iter()
            .filter(|program| {
                before
                    .get(&program.tenant, &program.flow)
                    .is_none_or(|before| before.hash != program.hash)
            })
            .map(|program| (program.flow.clone(), program.hash.to_string()))
            .collect();
        let gone = before
            .as_slice()
            .iter()
            .filter(|program| after.get(&program.tenant, &program.flow).is_none());
        let mut flows: Vec<String> = wanted
            .keys()
            .map(ToString::to_string)
            .chain(gone.map(|program| format!("{} (removed)", program.flow)))
            .collect();
        flows.sort();
        Self {
            since,
            flows,
            actions: Vec::new(),
            revoked: Vec::new(),
            is_unfinished: false,
            wanted,
        }
    }

    /// All programs of `plan`: what a start waits for.
    pub(crate) fn all(since: Instant, plan: &Plan) -> Self {
        Self::between(since, &Incumbents::default(), plan)
    }

    /// Takes a newer save in: both must be confirmed, the older save's clock runs on.
    pub(crate) fn after(mut self, older: Option<Self>, plan: &Plan) -> Self {
        let Some(older) = older else { return self };
        self.since = older.since;
        self.actions.splice(0..0, older.actions);
        self.revoked.splice(0..0, older.revoked);
        self.flows.extend(older.flows);
        self.flows.sort();
        self.flows.dedup();
        let exists = |flow: &FlowId| {
            plan.tenants
                .values()
                .any(|it| it.programs.contains_key(flow))
        };
        for (flow, hash) in older.wanted {
            if exists(&flow) {
                self.wanted.entry(flow).or_insert(hash);
            }
        }
        self
    }

    /// Takes a report in.
    pub(crate) fn confirm(&mut self, report: &Report) {
        if self.wanted.get(&report.flow) == Some(&report.program) {
            self.wanted.remove(&report.flow);
        }
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.actions.is_empty() && self.revoked.is_empty()
    }

    /// Whether all that is waited for was done and reported.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.wanted.is_empty() && !self.is_unfinished
    }

    /// Whether it is time to say that it takes long.
    pub(crate) fn is_late(&self) -> bool {
        self.since.elapsed() > PATIENCE
    }
}
