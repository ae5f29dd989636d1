//! Facts that own what they tell, and what everybody makes of the status that follows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use vrsky_compiler::{Code, Diagnostic, Label, Severity};
use vrsky_crds::status::Status;
use vrsky_operator::status::facts::{
    Apply, Deleting, Facts, FlowFacts, Heard, Planned, Tenancy, Trouble, Workload, Zero,
};
use vrsky_operator::status::{flow, next_flow_change};
use vrsky_plan::report::{Cause, Counters, LastError, State};
use vrsky_plan::{EdgeName, FlowId, Report};

use crate::kstatus::Health;
use crate::{argo, kstatus, kubectl};

/// A Flow `acme/orders` with all that is known of it. Change what a test is about.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    pub(crate) generation: i64,
    pub(crate) deleting: Option<Deleting>,
    pub(crate) paused: bool,
    pub(crate) held: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) tenancy: Tenancy,
    pub(crate) apply: Apply<'static>,
    /// Generation, hash, whether suspended.
    pub(crate) program: Option<(i64, String, bool)>,
    pub(crate) workload: Option<Workload<'static>>,
    pub(crate) reports: Vec<(Report, Timestamp)>,
    pub(crate) zero: Option<AtZero>,
    pub(crate) previous: Status,
    pub(crate) now: Timestamp,
}

/// [`Zero`], with the program that lies in NATS.
#[derive(Clone, Debug)]
pub(crate) struct AtZero {
    pub(crate) generation: i64,
    pub(crate) hash: String,
    pub(crate) suspended: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) woken: Option<Timestamp>,
}

impl Situation {
    /// Generation 3 was applied, runs, and its status says so since an hour.
    pub(crate) fn running() -> Self {
        let mut situation = Self::fresh();
        situation.reports = vec![(report(3, State::Running), situation.now)];
        situation.settle().after(3600)
    }

    /// Generation 3 was applied; nobody has reported, and the operator has said nothing yet.
    pub(crate) fn fresh() -> Self {
        Self {
            generation: 3,
            deleting: None,
            paused: false,
            held: false,
            diagnostics: Vec::new(),
            tenancy: Tenancy::Bound,
            apply: Apply::Done,
            program: Some((3, hash(3), false)),
            workload: Some(Workload {
                name: "vrsky-runtime",
                available: true,
                pods: None,
                trouble: None,
            }),
            reports: Vec::new(),
            zero: None,
            previous: Status::default(),
            now: start(),
        }
    }

    /// Generation 4 was written: its program is planned, and 3 runs.
    pub(crate) fn edited(mut self) -> Self {
        self.generation = 4;
        self.program = Some((4, hash(4), false));
        self
    }

    /// The edit is withheld: 3 stays planned.
    pub(crate) fn withheld(mut self, code: u16, path: &str, headline: &str) -> Self {
        self.generation = 4;
        self.held = true;
        self.diagnostics.push(error(code, path, headline));
        self
    }

    /// `spec.suspend: true` was written, and the program says so.
    pub(crate) fn suspended(mut self) -> Self {
        self = self.edited();
        self.program = Some((4, hash(4), true));
        self
    }

    /// Pods cannot run, and none is available.
    pub(crate) fn pods(mut self, reason: &'static str, message: &'static str) -> Self {
        self.workload = Some(Workload {
            name: "vrsky-runtime",
            available: false,
            pods: None,
            trouble: Some(Trouble { reason, message }),
        });
        self
    }

    /// Its pod went this moment, since it had nothing to do; generation 3 lies in NATS.
    pub(crate) fn at_zero(mut self) -> Self {
        self.zero = Some(AtZero {
            generation: 3,
            hash: hash(3),
            suspended: false,
            since: Some(self.now),
            woken: None,
        });
        if let Some(workload) = &mut self.workload {
            workload.available = false;
        }
        self
    }

    /// A message comes this moment.
    pub(crate) fn woken(mut self) -> Self {
        if let Some(zero) = &mut self.zero {
            (zero.since, zero.woken) = (None, Some(self.now));
        }
        self
    }

    /// One process says this now.
    pub(crate) fn says(mut self, report: Report) -> Self {
        self.reports = vec![(report, self.now)];
        self
    }

    /// Time passes; processes go on reporting.
    pub(crate) fn after(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        for (_, received) in &mut self.reports {
            *received += SignedDuration::from_secs(seconds);
        }
        self
    }

    /// Time passes, and nobody reports.
    pub(crate) fn after_silence(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    /// The status is written, so that it is the previous one of what follows.
    pub(crate) fn settle(mut self) -> Self {
        self.previous = self.status();
        self
    }

    pub(crate) fn status(&self) -> Status {
        self.with_facts(|facts| flow(facts, &self.previous, self.now))
    }

    pub(crate) fn next_change(&self) -> Option<Timestamp> {
        let status = self.status();
        self.with_facts(|facts| next_flow_change(facts, &status, self.now))
    }

    pub(crate) fn with_facts<T>(&self, then: impl FnOnce(&FlowFacts<'_>) -> T) -> T {
        let diagnostics: Vec<_> = self.diagnostics.iter().collect();
        let reports: Vec<_> = self
            .reports
            .iter()
            .map(|(report, received)| Heard {
                report,
                received: *received,
            })
            .collect();
        then(&FlowFacts {
            object: Facts {
                namespace: "acme",
                name: "orders",
                generation: self.generation,
                deleting: self.deleting,
                paused: self.paused,
                held: self.held,
                diagnostics: &diagnostics,
                tenancy: self.tenancy,
                apply: self.apply,
            },
            program: self
                .program
                .as_ref()
                .map(|(generation, hash, suspended)| Planned {
                    generation: *generation,
                    hash,
                    suspended: *suspended,
                }),
            workload: self.workload,
            reports: &reports,
            url: None,
            zero: self.zero.as_ref().map(|zero| Zero {
                program: Planned {
                    generation: zero.generation,
                    hash: &zero.hash,
                    suspended: zero.suspended,
                },
                since: zero.since,
                woken: zero.woken,
            }),
        })
    }

    /// Asserts the conditions, in their order, as `Type Status Reason generation`, and what Flux,
    /// Argo CD and kubectl say.
    #[track_caller]
    pub(crate) fn assert_row(&self, conditions: &[&str], verdicts: (Health, &str, bool)) -> Status {
        let status = self.status();
        assert_eq!(shown(&status), conditions);
        let object = object(&status, self.generation, self.deleting.is_some());
        assert_eq!(
            judged(&object),
            (verdicts.0, verdicts.1.to_owned(), verdicts.2)
        );
        status
    }
}

/// The conditions as `Type Status Reason generation`.
pub(crate) fn shown(status: &Status) -> Vec<String> {
    status
        .conditions
        .iter()
        .map(|one| {
            let generation = one.observed_generation.unwrap();
            format!("{} {} {} {generation}", one.type_, one.status, one.reason)
        })
        .collect()
}

/// The message of a condition.
#[track_caller]
pub(crate) fn message<'a>(status: &'a Status, kind: &str) -> &'a str {
    let found = status.conditions.iter().find(|one| one.type_ == kind);
    &found.unwrap_or_else(|| panic!("no {kind}")).message
}

/// What Flux, Argo CD and `kubectl wait` say of an object.
pub(crate) fn judged(object: &Value) -> (Health, String, bool) {
    (
        kstatus::compute(object).unwrap(),
        argo::health(object).unwrap().0,
        kubectl::is_ready(object),
    )
}

/// The object as the API server returns it.
pub(crate) fn object(status: &Status, generation: i64, deleting: bool) -> Value {
    let mut object = json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Flow",
        "metadata": {"name": "orders", "namespace": "acme", "generation": generation},
        "status": status,
    });
    if deleting {
        object["metadata"]["deletionTimestamp"] = start().to_string().into();
    }
    object
}

pub(crate) fn start() -> Timestamp {
    "2026-05-04T03:00:00Z".parse().unwrap()
}

pub(crate) fn hash(generation: i64) -> String {
    format!("hash-of-{generation}")
}

/// What process `one` says.
pub(crate) fn report(generation: i64, state: State) -> Report {
    Report {
        flow: FlowId::new("acme", "orders").unwrap(),
        program: hash(generation),
        generation,
        process: "one".to_owned(),
        at_ms: 1_000_000,
        state,
        url: None,
        counters: Counters::default(),
        backlog: BTreeMap::new(),
        last_error: None,
    }
}

pub(crate) fn blocked(cause: Cause, path: &str, reason: &str) -> State {
    State::Blocked {
        reason: reason.to_owned(),
        path: Some(path.to_owned()),
        cause,
    }
}

/// The report with an error that is so many milliseconds old.
pub(crate) fn failing(mut report: Report, age_ms: u64) -> Report {
    report.last_error = Some(LastError {
        at_ms: report.at_ms - age_ms,
        path: "spec.sinks.erp".to_owned(),
        message: "erp.acme.example: connection refused".to_owned(),
    });
    report
}

/// The report with messages that wait.
pub(crate) fn waiting(mut report: Report, edge: &str, messages: u64) -> Report {
    report
        .backlog
        .insert(EdgeName::new(edge).unwrap(), messages);
    report
}

pub(crate) fn error(code: u16, path: &str, headline: &str) -> Diagnostic {
    diagnostic(code, Severity::Error, path, headline)
}

pub(crate) fn diagnostic(code: u16, severity: Severity, path: &str, headline: &str) -> Diagnostic {
    Diagnostic {
        code: Code(code),
        severity,
        headline: headline.to_owned(),
        audience: None,
        object: None,
        primary: Label {
            document: 0,
            origin: "Flow/acme/orders".to_owned(),
            path: path.to_owned(),
            span: 0..0,
            text: String::new(),
        },
        labels: Vec::new(),
        help: None,
    }
}
