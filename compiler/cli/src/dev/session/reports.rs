//! What runtimes report becomes what people read, and tells when a save has taken effect.

use vrsky_plan::report::State as FlowState;
use vrsky_plan::{FlowId, Plan, Report, TenantId, TenantName};

use super::{START, Session};
use crate::dev::event::{Event, Told, ToldError};

impl Session {
    /// Tells what a runtime reports. What processes of an earlier run left behind is no news.
    pub(super) fn take(&mut self, id: &TenantId, report: Report) {
        let Some(project) = &self.project else { return };
        // A runtime may report what it likes; it speaks for its own tenant only.
        let Some(tenant) = tenant_of(&project.compiled.plan, &report.flow, id) else {
            return;
        };
        if report.at_ms < self.began_ms {
            return;
        }
        if let Some(pending) = &mut self.pending {
            pending.confirm(&report);
        }
        let documents = &project.documents;
        let at = match &report.state {
            FlowState::Blocked {
                path: Some(path), ..
            } => self.blame.find(documents, &report.flow, path),
            _ => None,
        };
        let last_error = report.last_error.map(|error| ToldError {
            at: self.blame.find(documents, &report.flow, &error.path),
            at_ms: error.at_ms,
            path: error.path,
            message: error.message,
        });
        let told = Told {
            tenant,
            flow: report.flow,
            program: report.program,
            process: report.process,
            state: report.state,
            at,
            url: report.url,
            counters: report.counters,
            backlog: report.backlog,
            last_error,
        };
        self.console.report(told, report.at_ms);
    }

    /// Says that a save took effect, once it has.
    pub(super) fn settle(&mut self) {
        let is_over = match &self.pending {
            None => return,
            Some(pending) if self.ready => pending.is_confirmed() || pending.is_late(),
            Some(pending) => pending.is_confirmed() || self.began.elapsed() > START,
        };
        if !is_over {
            return;
        }
        let Some(pending) = self.pending.take() else {
            return;
        };
        if self.ready {
            self.console.say(&Event::Applied {
                ms: pending.since.elapsed().as_millis() as u64,
                confirmed: pending.is_confirmed(),
                flows: pending.flows,
                actions: pending.actions,
                revoked: pending.revoked,
            });
            return;
        }
        self.ready = true;
        let urls = self
            .runtimes
            .iter()
            .map(|(tenant, kept)| (tenant.clone(), format!("http://{}/{tenant}", kept.listen)))
            .collect();
        self.console.say(&Event::Ready {
            urls,
            nats: self.state.memory.nats.clone().unwrap_or_default(),
            ms: self.began.elapsed().as_millis() as u64,
        });
    }
}

fn tenant_of(plan: &Plan, flow: &FlowId, id: &TenantId) -> Option<TenantName> {
    plan.tenants
        .iter()
        .find(|(_, tenant)| tenant.id == *id && tenant.programs.contains_key(flow))
        .map(|(name, _)| name.clone())
}
