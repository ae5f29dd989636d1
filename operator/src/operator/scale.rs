//! NATS is asked what waits for flows whose pods may be more or fewer, beside everything else.

use std::collections::BTreeMap;
use std::pin::Pin;

use jiff::Timestamp;
use vrsky_broker::waiting::Waiting;
use vrsky_plan::{FlowId, Tenant, TenantId, TenantName};

use super::Operator;
use crate::autoscale::{EVERY, Stand};
use crate::status::facts::{Planned, Zero};

type Answer = Pin<Box<dyn Future<Output = BTreeMap<TenantId, Waiting>> + Send>>;

/// The question that is under way, if one is. It ends with the loop that owns it.
#[derive(Default)]
pub(super) struct Looking {
    answer: Option<Answer>,
    asked: Option<Timestamp>,
}

impl Looking {
    /// What waits, once that is known.
    pub(super) async fn answer(&mut self) -> BTreeMap<TenantId, Waiting> {
        match &mut self.answer {
            Some(answer) => {
                let waiting = answer.await;
                self.answer = None;
                waiting
            }
            None => std::future::pending().await,
        }
    }
}

impl Operator {
    /// Asks, if it is time to, and anybody wants to know.
    pub(super) fn look(&self, looking: &mut Looking) {
        let now = Timestamp::now();
        let is_soon = |asked| now.duration_since(asked) < EVERY;
        if looking.answer.is_some() || looking.asked.is_some_and(is_soon) {
            return;
        }
        let tenants = self.autoscale.tenants();
        if tenants.is_empty() {
            return;
        }
        looking.asked = Some(now);
        let broker = self.broker.as_ref().filter(|broker| broker.is_connected());
        looking.answer = Some(match broker {
            Some(broker) => Box::pin(broker.waiting(&self.keys.value, tenants)),
            None => Box::pin(std::future::ready(BTreeMap::new())),
        });
    }

    /// Decides who gets more pods or fewer. True if anybody does.
    pub(super) fn scale(&mut self, waiting: &BTreeMap<TenantId, Waiting>) -> bool {
        let now = Timestamp::now();
        let changed = self.autoscale.take(&self.plan, waiting, &self.reports, now);
        for flow in &changed {
            self.untold.namespace(flow.namespace());
        }
        !changed.is_empty()
    }

    /// That a flow is at zero, or was until a message woke it.
    pub(super) fn zero(
        &self,
        (name, tenant): (&TenantName, &Tenant),
        id: &FlowId,
    ) -> Option<Zero<'_>> {
        let (since, woken) = match self.autoscale.stand(&tenant.id, id)? {
            Stand::Zero { since } => (since, None),
            Stand::Up { woken, .. } => (None, Some(woken?)),
        };
        let program = self.incumbents.get(name, id)?;
        Some(Zero {
            program: Planned::from(&**program),
            since,
            woken,
        })
    }
}
