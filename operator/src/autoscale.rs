//! Which flows are at zero: those that may be, and have had nothing to do for long enough.
//!
//! NATS itself is asked what waits, every two seconds, only for tenants with such flows. A message on
//! any edge of a flow, be it one that waits for its next attempt, keeps the flow at one. What was
//! decided lives in this process; the next operator takes over what the Deployments say, and counts
//! idle time anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vrsky_broker::waiting::Waiting;
use vrsky_plan::report::State;
use vrsky_plan::{FlowId, Plan, Tenant, TenantId, Workload};

use crate::index::{Index, Key};
use crate::kinds::Kind;
use crate::names;
use crate::reports::Reports;
use crate::status::{self, facts::Planned};

/// NATS is asked again after so long: every other second, as the loop ticks.
pub const EVERY: SignedDuration = SignedDuration::from_millis(1_500);

/// Where a flow stands that may go to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It has its pod.
    One {
        /// Since when it has had nothing to do, as far as that was seen without a gap.
        idle_since: Option<Timestamp>,
        /// What its processes had done when they were last seen.
        done: u64,
        /// When a message woke it, if it was at zero before.
        woken: Option<Timestamp>,
    },
    /// It has none.
    Zero {
        /// Since when; `None`: since before this operator.
        since: Option<Timestamp>,
    },
}

/// What is seen of a flow at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Messages on its edges; `None`: NATS did not say.
    pub waiting: Option<u64>,
    /// Whether it is suspended: nothing is taken in, so what waits is no reason for a pod.
    pub suspended: bool,
    /// Whether its processes run what is planned, and nothing else: trouble is never put to sleep.
    pub runs: bool,
    /// What its processes have done since they started, in messages.
    pub done: u64,
}

impl Stand {
    /// Where a flow stands that was not seen before.
    pub fn first(has_no_pod: bool) -> Self {
        if has_no_pod {
            Self::Zero { since: None }
        } else {
            Self::One {
                idle_since: None,
                done: 0,
                woken: None,
            }
        }
    }

    /// Where it stands after it was looked at.
    pub fn next(self, sight: &Sight, idle: SignedDuration, now: Timestamp) -> Self {
        match self {
            Self::Zero { .. } if sight.suspended || sight.waiting.unwrap_or(0) == 0 => self,
            Self::Zero { .. } => Self::One {
                idle_since: None,
                done: 0,
                woken: Some(now),
            },
            Self::One {
                idle_since,
                done,
                woken,
            } => {
                // Between two looks a message may have come and gone.
                let is_idle = sight.waiting == Some(0)
                    && sight.runs
                    && !sight.suspended
                    && sight.done == done;
                let idle_since = is_idle.then(|| idle_since.unwrap_or(now));
                match idle_since {
                    Some(since) if now.duration_since(since) >= idle => {
                        Self::Zero { since: Some(now) }
                    }
                    _ => Self::One {
                        idle_since,
                        done: sight.done,
                        woken,
                    },
                }
            }
        }
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Zero { .. })
    }
}

/// All flows that may go to zero.
#[derive(Debug, Default)]
pub struct Autoscale {
    stands: BTreeMap<(TenantId, FlowId), Stand>,
    /// Flows that are being deleted: how often NATS has answered since that was seen.
    leaving: BTreeMap<FlowId, u32>,
}

impl Autoscale {
    /// Takes in which flows there are, and gives those that are at zero.
    pub fn follow(&mut self, plan: &Plan, index: &Index) -> BTreeSet<FlowId> {
        let before = std::mem::take(&mut self.stands);
        for (tenant, flow, workload) in scaled(plan) {
            let key = (tenant.id.clone(), flow.clone());
            let stand = before.get(&key).copied();
            let stand = stand.unwrap_or_else(|| Stand::first(has_no_pod(index, workload)));
            self.stands.insert(key, stand);
        }
        let stands = &self.stands;
        self.leaving
            .retain(|flow, _| stands.keys().any(|(_, stands)| stands == flow));
        let at_zero = self.stands.iter().filter(|(_, stand)| stand.is_zero());
        at_zero.map(|((_, flow), _)| flow.clone()).collect()
    }

    /// The tenants that are to be asked about.
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        self.stands.keys().map(|(id, _)| id.clone()).collect()
    }

    /// Takes in what waits, of the tenants that could be asked about; the flows that go to zero or
    /// come back.
    pub fn take(
        &mut self,
        plan: &Plan,
        waiting: &BTreeMap<TenantId, Waiting>,
        reports: &Reports,
        now: Timestamp,
    ) -> Vec<FlowId> {
        let mut changed = Vec::new();
        for (tenant, flow, workload) in scaled(plan) {
            let id = &tenant.id;
            let Some(stand) = self.stands.get_mut(&(id.clone(), flow.clone())) else {
                continue;
            };
            let program = tenant.programs.get(flow);
            let heard: Vec<_> = reports.heard(id, flow).collect();
            let sight = Sight {
                waiting: waiting
                    .get(id)
                    .map(|flows| flows.get(&flow.token()).copied().unwrap_or(0)),
                suspended: program.is_some_and(|program| program.suspended),
                runs: program
                    .is_some_and(|program| status::runs(&Planned::from(&**program), &heard, now)),
                done: heard.iter().map(|heard| heard.report.counters.done()).sum(),
            };
            let idle = SignedDuration::from_secs(workload.idle_seconds.unwrap_or_default().into());
            let next = stand.next(&sight, idle, now);
            if let Some(answers) = self.leaving.get_mut(flow) {
                *answers += u32::from(sight.waiting.is_some());
            }
            if next.is_zero() != stand.is_zero() {
                tracing::info!(event = "scaled", %flow, pods = u8::from(!next.is_zero()));
                changed.push(flow.clone());
            }
            *stand = next;
        }
        changed
    }

    /// Whether a flow that is being deleted has to stay for a while: until it is known that nothing
    /// waits for it, or its pod is back and can read to the end.
    pub fn stays(&mut self, tenant: &TenantId, flow: &FlowId, reports: &Reports) -> bool {
        let stays = match self.stand(tenant, flow) {
            // The first answer may be to a question from before.
            Some(Stand::Zero { .. }) => *self.leaving.entry(flow.clone()).or_default() < 2,
            Some(Stand::One { woken, .. }) => woken.is_some_and(|woken| {
                let mut heard = reports.heard(tenant, flow);
                !heard.any(|heard| heard.received > woken && heard.report.state == State::Running)
            }),
            None => false,
        };
        if !stays {
            self.leaving.remove(flow);
        }
        stays
    }

    /// Where a flow stands, if it may go to zero.
    pub fn stand(&self, tenant: &TenantId, flow: &FlowId) -> Option<Stand> {
        self.stands.get(&(tenant.clone(), flow.clone())).copied()
    }
}

/// The flows of a plan that may go to zero.
fn scaled(plan: &Plan) -> impl Iterator<Item = (&Tenant, &FlowId, &Workload)> {
    plan.tenants.values().flat_map(|tenant| {
        let workloads = tenant.workloads.iter();
        workloads.filter_map(move |workload| {
            workload.idle_seconds?;
            Some((tenant, workload.flow.as_ref()?, workload))
        })
    })
}

/// Whether its Deployment stands, and asks for no pod.
fn has_no_pod(index: &Index, workload: &Workload) -> bool {
    let name = names::workload(workload);
    let key = Key::new(Kind::Deployment, &workload.namespace, &name);
    let deployment = index.get(&key).filter(|seen| !seen.is_deleting());
    deployment.is_some_and(|seen| seen.data["spec"]["replicas"] == 0)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Sight, Stand};

    const IDLE: SignedDuration = SignedDuration::from_secs(60);
    const QUIET: Sight = Sight {
        waiting: Some(0),
        suspended: false,
        runs: true,
        done: 0,
    };
    const BUSY: Sight = Sight {
        waiting: Some(1),
        ..QUIET
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or_default()
    }

    /// Looks every two seconds, from one second up to the other.
    fn look(stand: Stand, sight: &Sight, from: i64, to: i64) -> Stand {
        (from..=to)
            .step_by(2)
            .fold(stand, |stand, second| stand.next(sight, IDLE, at(second)))
    }

    const ZERO: Stand = Stand::Zero { since: None };

    #[test]
    fn it_goes_to_zero_after_a_whole_idle_period_and_comes_back_for_a_message() {
        let stand = look(Stand::first(false), &QUIET, 0, 58);
        assert!(!stand.is_zero());
        let stand = stand.next(&QUIET, IDLE, at(60));
        assert_eq!(
            stand,
            Stand::Zero {
                since: Some(at(60))
            }
        );
        let stand = look(stand, &QUIET, 62, 1_000);
        assert_eq!(
            stand,
            Stand::Zero {
                since: Some(at(60))
            }
        );
        let awake = Stand::One {
            idle_since: None,
            done: 0,
            woken: Some(at(1_002)),
        };
        assert_eq!(stand.next(&BUSY, IDLE, at(1_002)), awake);
    }

    #[test]
    fn one_message_in_an_idle_period_begins_it_anew() {
        let stand = look(Stand::first(false), &QUIET, 0, 50);
        let stand = stand.next(&BUSY, IDLE, at(52));
        assert!(!look(stand, &QUIET, 54, 112).is_zero());
        assert!(look(stand, &QUIET, 54, 114).is_zero());
    }

    #[test]
    fn messages_that_come_and_go_between_two_looks_keep_it_awake() {
        let mut stand = Stand::first(false);
        for second in 0..500 {
            let sight = Sight {
                done: u64::try_from(second).unwrap_or_default() / 30,
                ..QUIET
            };
            stand = stand.next(&sight, IDLE, at(second));
        }
        assert!(!stand.is_zero());
    }

    #[test]
    fn a_new_operator_takes_over_what_is_and_counts_anew() {
        assert_eq!(Stand::first(true), ZERO);
        assert_eq!(look(ZERO, &QUIET, 0, 100), ZERO);
        assert!(!look(Stand::first(false), &QUIET, 0, 58).is_zero());
    }

    #[test]
    fn while_nats_is_away_everything_stays() {
        let unknown = Sight {
            waiting: None,
            ..QUIET
        };
        assert_eq!(look(ZERO, &unknown, 0, 500), ZERO);
        let stand = look(Stand::first(false), &QUIET, 0, 50);
        let stand = look(stand, &unknown, 52, 500);
        assert!(!stand.is_zero());
        // The gap is no idle time.
        assert!(!look(stand, &QUIET, 502, 560).is_zero());
        assert!(look(stand, &QUIET, 502, 562).is_zero());
    }

    #[test]
    fn what_does_not_run_is_not_put_to_sleep() {
        let troubled = Sight {
            runs: false,
            ..QUIET
        };
        assert!(!look(Stand::first(false), &troubled, 0, 500).is_zero());
    }

    #[test]
    fn a_suspended_flow_stays_where_it_is() {
        let suspended = Sight {
            suspended: true,
            ..BUSY
        };
        assert_eq!(look(ZERO, &suspended, 0, 500), ZERO);
        let idle = Sight {
            waiting: Some(0),
            ..suspended
        };
        assert!(!look(Stand::first(false), &idle, 0, 500).is_zero());
        // Resumed, it reads what came meanwhile.
        assert!(!ZERO.next(&BUSY, IDLE, at(502)).is_zero());
    }
}
