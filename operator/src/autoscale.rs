//! How many pods a flow has, where it says between which numbers that may be: as many as what waits
//! asks for at once, fewer only when that many were not needed for a while, none when there was nothing
//! to do.
//!
//! NATS itself is asked what waits, every two seconds, only for tenants with such flows. A message on
//! any edge of a flow, be it one that waits for its next attempt, keeps the flow at one. What was
//! decided lives in this process; the next operator takes over what the Deployments say, and counts
//! idle time anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vrsky_broker::waiting::Waiting;
use vrsky_plan::program::Scale;
use vrsky_plan::report::State;
use vrsky_plan::{FlowId, Plan, Tenant, TenantId, Workload};

use crate::index::{Index, Key};
use crate::kinds::Kind;
use crate::names;
use crate::reports::Reports;
use crate::status::{self, facts::Planned};

/// NATS is asked again after so long: every other second, as the loop ticks.
pub const EVERY: SignedDuration = SignedDuration::from_millis(1_500);

/// Where a flow stands whose pods may be more or fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It has pods.
    Up {
        /// How many; not 0.
        pods: u32,
        /// Since when fewer would have done, as far as that was seen without a gap.
        less: Option<Less>,
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

/// A time in which fewer pods would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Less {
    since: Timestamp,
    /// The most that were needed in it.
    pods: u32,
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
    /// Where a flow stands that was not seen before, with so many pods.
    pub fn first(pods: u32) -> Self {
        Self::with(pods, None, 0)
    }

    fn with(pods: u32, since: Option<Timestamp>, done: u64) -> Self {
        if pods == 0 {
            return Self::Zero { since };
        }
        Self::Up {
            pods,
            less: None,
            done,
            woken: None,
        }
    }

    /// Pods.
    pub fn pods(self) -> u32 {
        match self {
            Self::Zero { .. } => 0,
            Self::Up { pods, .. } => pods,
        }
    }

    /// Between these numbers, whatever it was before.
    fn within(self, scale: &Scale) -> Self {
        let pods = self.pods().clamp(scale.min, scale.max);
        if pods == self.pods() {
            self
        } else {
            Self::first(pods)
        }
    }

    /// Where it stands after it was looked at.
    pub fn next(self, sight: &Sight, scale: &Scale, now: Timestamp) -> Self {
        let waiting = sight.waiting.filter(|_| !sight.suspended);
        let for_lag = |waiting: u64| {
            let pods = waiting.div_ceil(u64::from(scale.backlog_per_pod.max(1)));
            let pods = u32::try_from(pods).unwrap_or(u32::MAX);
            pods.clamp(scale.min.max(1), scale.max)
        };
        match self {
            Self::Zero { .. } => match waiting {
                None | Some(0) => self,
                Some(waiting) => Self::Up {
                    pods: for_lag(waiting),
                    less: None,
                    done: 0,
                    woken: Some(now),
                },
            },
            Self::Up {
                pods,
                less,
                done,
                woken,
            } => {
                // Between two looks a message may have come and gone.
                let is_idle = waiting == Some(0) && sight.done == done;
                let needed = match waiting.filter(|_| sight.runs) {
                    None => pods,
                    Some(_) if is_idle => scale.min,
                    Some(waiting) => for_lag(waiting),
                };
                let less = (needed < pods).then(|| Less {
                    since: less.map_or(now, |less| less.since),
                    pods: less.map_or(needed, |less| less.pods.max(needed)),
                });
                let idle = SignedDuration::from_secs(scale.idle_seconds.into());
                match less {
                    Some(less) if now.duration_since(less.since) >= idle => {
                        Self::with(less.pods, Some(now), sight.done)
                    }
                    _ => Self::Up {
                        pods: pods.max(needed),
                        less,
                        done: sight.done,
                        woken,
                    },
                }
            }
        }
    }
}

/// All flows whose pods may be more or fewer.
#[derive(Debug, Default)]
pub struct Autoscale {
    stands: BTreeMap<(TenantId, FlowId), Stand>,
    /// Flows that are being deleted: how often NATS has answered since that was seen.
    leaving: BTreeMap<FlowId, u32>,
}

impl Autoscale {
    /// Takes in which flows there are, and gives how many pods each has.
    pub fn follow(&mut self, plan: &Plan, index: &Index) -> BTreeMap<FlowId, u32> {
        let before = std::mem::take(&mut self.stands);
        for (tenant, flow, workload, scale) in scaled(plan) {
            let key = (tenant.id.clone(), flow.clone());
            let stand = before.get(&key).copied();
            let stand = stand.unwrap_or_else(|| Stand::first(pods(index, workload)));
            self.stands.insert(key, stand.within(&scale));
        }
        let stands = &self.stands;
        self.leaving
            .retain(|flow, _| stands.keys().any(|(_, stands)| stands == flow));
        let stands = self.stands.iter();
        stands
            .map(|((_, flow), stand)| (flow.clone(), stand.pods()))
            .collect()
    }

    /// The tenants that are to be asked about.
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        self.stands.keys().map(|(id, _)| id.clone()).collect()
    }

    /// Takes in what waits, of the tenants that could be asked about; the flows that get more pods or
    /// fewer.
    pub fn take(
        &mut self,
        plan: &Plan,
        waiting: &BTreeMap<TenantId, Waiting>,
        reports: &Reports,
        now: Timestamp,
    ) -> Vec<FlowId> {
        let mut changed = Vec::new();
        for (tenant, flow, _, scale) in scaled(plan) {
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
            let next = stand.next(&sight, &scale, now);
            if let Some(answers) = self.leaving.get_mut(flow) {
                *answers += u32::from(sight.waiting.is_some());
            }
            if next.pods() != stand.pods() {
                let (from, pods) = (stand.pods(), next.pods());
                tracing::info!(event = "scaled", %flow, from, pods, waiting = sight.waiting);
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
            Some(Stand::Up { woken, .. }) => woken.is_some_and(|woken| {
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

    /// Where a flow stands, if its pods may be more or fewer.
    pub fn stand(&self, tenant: &TenantId, flow: &FlowId) -> Option<Stand> {
        self.stands.get(&(tenant.clone(), flow.clone())).copied()
    }
}

/// The flows of a plan whose pods may be more or fewer.
fn scaled(plan: &Plan) -> impl Iterator<Item = (&Tenant, &FlowId, &Workload, Scale)> {
    plan.tenants.values().flat_map(|tenant| {
        let workloads = tenant.workloads.iter();
        workloads.filter_map(move |workload| {
            let scale = workload.scale.filter(|scale| scale.min != scale.max)?;
            Some((tenant.as_ref(), workload.flow.as_ref()?, workload, scale))
        })
    })
}

/// How many pods its Deployment asks for, if it stands; else one.
fn pods(index: &Index, workload: &Workload) -> u32 {
    let name = names::workload(workload);
    let key = Key::new(Kind::Deployment, &workload.namespace, &name);
    let deployment = index.get(&key).filter(|seen| !seen.is_deleting());
    let replicas = deployment.and_then(|seen| seen.content()["spec"]["replicas"].as_u64());
    replicas.and_then(|it| u32::try_from(it).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests;
