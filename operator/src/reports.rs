//! What runtimes last said of each flow, with the time when it was heard by our clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vrsky_plan::{FlowId, Report, TenantId};

use crate::status::facts;

/// A process that has said nothing for so long is forgotten; it counts for nothing before that.
const SILENT: SignedDuration = SignedDuration::from_mins(1);

/// A report and when it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What was said.
    pub report: Report,
    /// When it was heard.
    pub at: Timestamp,
}

/// The last report of each process on each flow.
#[derive(Debug, Default)]
pub struct Reports {
    by_flow: BTreeMap<(TenantId, FlowId), BTreeMap<String, Heard>>,
}

impl Reports {
    /// Takes a report in. True if it says something else than the same process did before: what runs
    /// or how it is, not how much.
    pub fn take(&mut self, tenant: TenantId, report: Report, now: Timestamp) -> bool {
        let processes = self
            .by_flow
            .entry((tenant, report.flow.clone()))
            .or_default();
        let before = processes.get(&report.process);
        let is_news = before.is_none_or(|before| {
            let before = &before.report;
            before.program != report.program
                || before.state != report.state
                || before.url != report.url
                || before.last_error != report.last_error
                || (before.counters.dead_lettered == 0) != (report.counters.dead_lettered == 0)
        });
        let heard = Heard { report, at: now };
        processes.insert(heard.report.process.clone(), heard);
        is_news
    }

    /// What was heard of a flow, by process.
    pub fn heard(
        &self,
        tenant: &TenantId,
        flow: &FlowId,
    ) -> impl Iterator<Item = facts::Heard<'_>> {
        let processes = self.by_flow.get(&(tenant.clone(), flow.clone()));
        let heard = processes.into_iter().flat_map(BTreeMap::values);
        heard.map(|heard| facts::Heard {
            report: &heard.report,
            received: heard.at,
        })
    }

    /// Forgets processes that are silent for good, and flows without any.
    pub fn forget(&mut self, now: Timestamp) {
        for processes in self.by_flow.values_mut() {
            processes.retain(|_, heard| now.duration_since(heard.at) < SILENT);
        }
        self.by_flow.retain(|_, processes| !processes.is_empty());
    }
}
