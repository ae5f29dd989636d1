//! What the processes of a flow say, taken together.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vrsky_crds::status::{Running, Status};
use vrsky_plan::Report;
use vrsky_plan::report::{Cause, State};

use super::facts::{Heard, Planned};
use super::reason;
use super::row::{Said, Why, find};

/// A report that is older says nothing of now.
pub const MAX_AGE: SignedDuration = SignedDuration::from_secs(30);
/// Processes speak every two seconds. One that was silent for so long while another one spoke is
/// gone: after a restart nobody should wait for [`MAX_AGE`].
const LEFT_BEHIND: SignedDuration = SignedDuration::from_secs(10);
/// An error stays news for so long, by the runtime's own clock.
const RECENT_MS: u64 = 60_000;
/// So many messages make a backlog; it ends where it is clearly less.
const BACKLOG: u64 = 10_000;
const BACKLOG_ENDS: u64 = 1_000;

/// Reports that count.
pub(super) struct Hearing<'a> {
    reports: Vec<&'a Report>,
    /// When any process last spoke.
    pub(super) last: Option<Timestamp>,
}

impl<'a> Hearing<'a> {
    pub(super) fn of(heard: &[Heard<'a>], now: Timestamp) -> Self {
        let last = heard.iter().map(|one| one.received).max();
        let counts = |one: &&Heard<'_>| {
            is_fresh(one, now)
                && last.is_some_and(|last| last.duration_since(one.received) < LEFT_BEHIND)
        };
        let mut reports: Vec<_> = heard.iter().filter(counts).map(|one| one.report).collect();
        reports.sort_by(|left, right| {
            (left.generation, &left.process).cmp(&(right.generation, &right.process))
        });
        Self { reports, last }
    }

    /// Of a flow without a process: what lies in NATS for it speaks for the next one.
    pub(super) fn of_program(report: &'a Report) -> Self {
        Self {
            reports: vec![report],
            last: None,
        }
    }

    /// Nobody says anything.
    pub(super) fn is_silent(&self) -> bool {
        self.reports.is_empty()
    }

    /// Every process has this program.
    pub(super) fn all_have(&self, planned: &Planned<'_>) -> bool {
        self.reports
            .iter()
            .all(|report| report.program == planned.hash && report.generation == planned.generation)
    }

    /// Every process is in this state.
    pub(super) fn all_are(&self, state: &State) -> bool {
        !self.is_silent() && self.reports.iter().all(|report| report.state == *state)
    }

    /// Why a process cannot run the flow.
    pub(super) fn blocked(&self) -> Option<Why> {
        self.reports.iter().find_map(|report| {
            let State::Blocked {
                reason,
                path,
                cause,
            } = &report.state
            else {
                return None;
            };
            let text = match path {
                Some(path) => format!("{path}: {reason}"),
                None => reason.clone(),
            };
            Some(match cause {
                Cause::SecretNotFound => Why::new(
                    reason::SECRET_NOT_FOUND,
                    format!(
                        "{text}. The flow starts by itself once the namespace {} has it",
                        report.flow.namespace()
                    ),
                ),
                Cause::DeadLetterFull => Why::new(
                    reason::DEAD_LETTER_FULL,
                    format!("{text}. Redrive or drop some: `vrsky dlq ls` lists them"),
                ),
                Cause::Other => Why::new(reason::BLOCKED, text),
            })
        })
    }

    /// What serves: of several the oldest.
    pub(super) fn running(&self) -> Option<Running> {
        let report = self
            .reports
            .iter()
            .find(|report| report.state == State::Running)?;
        Some(Running {
            generation: report.generation,
            program_hash: report.program.clone(),
        })
    }

    /// `Suspended`: every process says so.
    pub(super) fn suspended(&self, most: i64) -> Option<Said> {
        self.all_are(&State::Suspended).then(|| {
            let message = "spec.suspend: nothing is taken in; what is in transit waits";
            self.said(most, Why::new(reason::SUSPENDED, message))
        })
    }

    /// `Degraded`: something went wrong a short while ago.
    pub(super) fn degraded(&self, most: i64) -> Option<Said> {
        let errors = self.reports.iter().filter_map(|report| {
            let error = report.last_error.as_ref()?;
            (report.at_ms.saturating_sub(error.at_ms) < RECENT_MS).then_some(error)
        });
        let error = errors.max_by_key(|error| (error.at_ms, &error.path))?;
        let text = match error.path.as_str() {
            "" => error.message.clone(),
            path => format!("{path}: {}", error.message),
        };
        Some(self.said(most, Why::new(reason::FAILING, text)))
    }

    /// `Backlogged`: more comes in than goes out.
    pub(super) fn backlogged(&self, most: i64, previous: &Status) -> Option<Said> {
        let mut edges: BTreeMap<&str, u64> = BTreeMap::new();
        for (edge, messages) in self.reports.iter().flat_map(|report| &report.backlog) {
            let known = edges.entry(edge.as_str()).or_default();
            *known = (*known).max(*messages);
        }
        let total = edges
            .values()
            .fold(0_u64, |sum, messages| sum.saturating_add(*messages));
        let before = find(&previous.conditions, "Backlogged").is_some();
        let (longest, _) = edges.iter().max_by_key(|(_, messages)| **messages)?;
        (total >= BACKLOG || (before && total >= BACKLOG_ENDS)).then(|| {
            let message = format!(
                "thousands of messages wait, most of them on the edge `{longest}`: what reads it is slower than what comes in"
            );
            self.said(most, Why::new(reason::BACKLOG, message))
        })
    }

    /// `DeadLettered`: messages were given up.
    pub(super) fn dead_lettered(&self, most: i64) -> Option<Said> {
        let any = self
            .reports
            .iter()
            .any(|report| report.counters.dead_lettered > 0);
        any.then(|| {
            let message = "messages were given up since the runtime started: `vrsky dlq ls` lists them, `vrsky dlq redrive` tries them again";
            self.said(most, Why::new(reason::DEAD_LETTERS, message))
        })
    }

    /// Said of what reports; never of more than the object's own generation.
    fn said(&self, most: i64, why: Why) -> Said {
        let oldest = self
            .reports
            .first()
            .map_or(most, |report| report.generation);
        Said::yes(oldest.min(most), why)
    }
}

/// Whether a process runs something else than this program.
pub fn is_behind(planned: &Planned<'_>, heard: &[Heard<'_>], now: Timestamp) -> bool {
    !Hearing::of(heard, now).all_have(planned)
}

/// Whether there are processes, and all run this program.
pub fn runs(planned: &Planned<'_>, heard: &[Heard<'_>], now: Timestamp) -> bool {
    let hearing = Hearing::of(heard, now);
    hearing.all_have(planned) && hearing.all_are(&State::Running)
}

/// When one of these reports becomes too old.
pub(super) fn next_silence(heard: &[Heard<'_>], now: Timestamp) -> Option<Timestamp> {
    heard
        .iter()
        .filter_map(|one| one.received.checked_add(MAX_AGE).ok())
        .filter(|end| *end > now)
        .min()
}

fn is_fresh(heard: &Heard<'_>, now: Timestamp) -> bool {
    now.duration_since(heard.received) < MAX_AGE
}
