//! A flow without a pod: it runs what lies in NATS for it as soon as a message comes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vrsky_plan::Report;
use vrsky_plan::report::{Counters, State};

use super::facts::{FlowFacts, Heard, Zero};
use super::reason;
use super::row::Why;

/// How long a pod may take from the message that asks for it to its first report, before the flow is
/// not ready.
pub const WAKES_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// That a flow is at zero, or was until a moment ago and has no process yet. Reports of the process
/// that went count no more.
pub(super) fn of<'a>(facts: &FlowFacts<'a>, now: Timestamp) -> Option<Zero<'a>> {
    let zero = facts.zero?;
    let Some(woken) = zero.woken else {
        return Some(zero);
    };
    let is_back = facts.reports.iter().any(|heard| is_of_next(heard, woken));
    let is_overdue = now.duration_since(woken) >= WAKES_WITHIN;
    (!is_back && !is_overdue).then_some(zero)
}

/// When a flow that wakes has no more time, if it still has some.
pub(super) fn ends(facts: &FlowFacts<'_>, now: Timestamp) -> Option<Timestamp> {
    let woken = of(facts, now)?.woken?;
    woken.checked_add(WAKES_WITHIN).ok()
}

/// Whether a process spoke after the message came that asked for it.
fn is_of_next(heard: &Heard<'_>, woken: Timestamp) -> bool {
    heard.received > woken
}

/// What the next process will say first: it stands for it until then.
pub(super) fn report(facts: &FlowFacts<'_>, zero: &Zero<'_>) -> Option<Report> {
    Some(Report {
        flow: vrsky_plan::FlowId::new(facts.object.namespace, facts.object.name).ok()?,
        program: zero.program.hash.to_owned(),
        generation: zero.program.generation,
        process: String::new(),
        at_ms: 0,
        state: if zero.program.suspended {
            State::Suspended
        } else {
            State::Running
        },
        url: None,
        counters: Counters::default(),
        backlog: BTreeMap::new(),
        last_error: None,
    })
}

/// Why it is ready.
pub(super) fn why(zero: &Zero<'_>) -> Why {
    if zero.woken.is_some() {
        return Why::new(reason::WAKING, "a message has come; its pod is starting");
    }
    let since = zero
        .since
        .map_or_else(String::new, |since| format!(" since {since:.0}"));
    let message = format!("at zero{since}; starts when a message arrives");
    Why::new(reason::IDLE, message)
}
