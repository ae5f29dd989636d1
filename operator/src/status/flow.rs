//! The status of a Flow.

use jiff::Timestamp;
use vrsky_crds::status::Status;
use vrsky_plan::report::State;

use super::facts::{Apply, Facts, FlowFacts, Planned, Workload, Zero};
use super::hearing::Hearing;
use super::row::{Progress, Row, Said, Why};
use super::{finish, gate, next_change, reason, zero};

/// The status of a Flow.
pub fn flow(facts: &FlowFacts<'_>, previous: &Status, now: Timestamp) -> Status {
    let zero = zero::of(facts, now);
    let next = zero.and_then(|zero| zero::report(facts, &zero));
    let hearing = match &next {
        Some(report) => Hearing::of_program(report),
        None => Hearing::of(facts.reports, now),
    };
    let row = row(facts, &hearing, zero.as_ref(), previous);
    let mut status = finish(row, &facts.object, previous, now);
    status.running = hearing.running();
    status.url = facts.url.map(ToOwned::to_owned);
    let pods = facts.workload.and_then(|workload| workload.pods);
    status.replicas = pods.map(|(pods, _)| pods);
    status.selector = pods.map(|(_, selector)| selector.to_owned());
    status
}

/// When the status of a Flow changes although no fact does.
pub fn next_flow_change(
    facts: &FlowFacts<'_>,
    status: &Status,
    now: Timestamp,
) -> Option<Timestamp> {
    if zero::of(facts, now).is_none() {
        return next_change(status, facts.reports, now);
    }
    let next = next_change(status, &[], now).into_iter();
    next.chain(zero::ends(facts, now)).min()
}

fn row(
    facts: &FlowFacts<'_>,
    hearing: &Hearing<'_>,
    zero: Option<&Zero<'_>>,
    previous: &Status,
) -> Row {
    let object = &facts.object;
    let generation = object.generation;
    let row = match gate::row(object, previous, "messages") {
        Some(row) => goes_on(row, object, hearing, zero),
        None => planned(facts, hearing, zero),
    };
    if object.deleting.is_some() {
        return row;
    }
    let degraded = hearing.degraded(generation).or_else(|| {
        // It runs, and yet a pod of its workload does not. At zero none has to.
        let wants_pod = zero.is_none_or(|zero| zero.woken.is_some());
        let trouble = facts.workload?.trouble;
        let trouble = trouble.filter(|_| row.ready.is_true() && wants_pod)?;
        Some(Said::yes(generation, pod(facts, &Why::from(trouble))))
    });
    row.with("Suspended", hearing.suspended(generation))
        .with("Degraded", degraded)
        .with("Backlogged", hearing.backlogged(generation, previous))
        .with("DeadLettered", hearing.dead_lettered(generation))
}

/// A withheld change stops nothing: the row says what goes on.
fn goes_on(
    mut row: Row,
    object: &Facts<'_>,
    hearing: &Hearing<'_>,
    zero: Option<&Zero<'_>>,
) -> Row {
    let Some(running) = hearing.running() else {
        return row;
    };
    let runs = running.generation;
    let is_paused = row.ready.why.reason == reason::PAUSED;
    if is_paused && runs <= object.generation && hearing.all_are(&State::Running) {
        let message = format!("generation {runs} runs while reconciliation is paused");
        row.ready = Said::yes(runs, Why::new(runs_as(zero).reason, message));
    } else if object.deleting.is_none() {
        let more = format!("Generation {runs} goes on running");
        row.ready.why = row.ready.why.and(&more);
    }
    row
}

/// The compiler has nothing against it.
fn planned(facts: &FlowFacts<'_>, hearing: &Hearing<'_>, zero: Option<&Zero<'_>>) -> Row {
    let generation = facts.object.generation;
    let Some(planned) = &facts.program else {
        let why = Why::new(reason::PROGRESSING, "not in the plan yet");
        return Row::withheld(generation, why.clone(), Progress::Reconciling(why));
    };
    let serves = served(facts, planned, hearing, zero);
    let row = Row::applied(generation, facts.object.apply, serves);
    if facts.object.apply != Apply::Done {
        return row;
    }
    let has_it = hearing.all_have(planned) && planned.generation == generation;
    if let (None, Some(why)) = (zero, missing_pods(facts, hearing)) {
        return Row {
            ready: Said::no(generation, why.clone()),
            progress: Progress::Reconciling(why),
            ..row
        };
    }
    if !has_it {
        return rolling(facts, row);
    }
    match hearing.blocked() {
        Some(why) if why.reason == reason::SECRET_NOT_FOUND => {
            let progress = Progress::Reconciling(why.clone());
            Row::unresolved(generation, &why, progress)
        }
        Some(why) => Row::withheld(generation, why.clone(), Progress::Reconciling(why)),
        None if row.ready.is_true() => row,
        None => rolling(facts, row),
    }
}

/// The program is on its way to the processes.
fn rolling(facts: &FlowFacts<'_>, row: Row) -> Row {
    let generation = facts.object.generation;
    let message = format!("generation {generation} is on its way to the runtimes");
    let mut why = Why::new(reason::PROGRESSING, message);
    if let Some(trouble) = facts.workload.and_then(|workload| workload.trouble) {
        why = pod(facts, &Why::from(trouble));
    }
    Row {
        programmed: Said::no(generation, why.clone()),
        progress: Progress::Reconciling(why),
        ..row
    }
}

/// As what a flow is ready that does what it should.
fn runs_as(zero: Option<&Zero<'_>>) -> Why {
    zero.map_or_else(|| Why::new(reason::RUNNING, "it runs"), zero::why)
}

/// Whether it is ready, by what the processes say: for the generation that they run.
fn served(
    facts: &FlowFacts<'_>,
    planned: &Planned<'_>,
    hearing: &Hearing<'_>,
    zero: Option<&Zero<'_>>,
) -> Said {
    let generation = facts.object.generation;
    let has_it = hearing.all_have(planned);
    if has_it && planned.suspended && hearing.all_are(&State::Suspended) {
        let why = Why::new(reason::SUSPENDED, "suspended, as spec.suspend asks");
        return Said::yes(planned.generation.min(generation), why);
    }
    // What runs and should not any more is no readiness.
    let runs = hearing
        .running()
        .filter(|_| hearing.all_are(&State::Running) && !(has_it && planned.suspended));
    match runs {
        Some(running) if running.generation == generation => Said::yes(generation, runs_as(zero)),
        Some(running) if running.generation < generation => {
            let message = format!(
                "generation {} runs until {generation} does",
                running.generation
            );
            Said::yes(running.generation, Why::new(runs_as(zero).reason, message))
        }
        _ => {
            let message = format!("generation {generation} does not run yet");
            Said::no(generation, Why::new(reason::PROGRESSING, message))
        }
    }
}

/// Why nothing can run, if no process speaks or none is there.
fn missing_pods(facts: &FlowFacts<'_>, hearing: &Hearing<'_>) -> Option<Why> {
    let none_available = facts.workload.is_some_and(|workload| !workload.available);
    let trouble = facts.workload.and_then(|workload| workload.trouble);
    if let Some(trouble) = trouble
        && (none_available || hearing.is_silent())
    {
        return Some(pod(facts, &Why::from(trouble)));
    }
    if !hearing.is_silent() {
        return None;
    }
    let why = match (facts.workload, hearing.last) {
        (None, _) => Why::new(reason::STARTING, "its runtime is being made"),
        (Some(_), Some(last)) => {
            let message =
                format!("no runtime has reported since {last:.0}, for more than 30 seconds");
            pod(facts, &Why::new(reason::REPORT_STALE, message))
        }
        (Some(_), None) => pod(
            facts,
            &Why::new(reason::STARTING, "its runtime has not reported yet"),
        ),
    };
    Some(why)
}

/// With the command that shows more.
fn pod(facts: &FlowFacts<'_>, why: &Why) -> Why {
    let Some(Workload { name, .. }) = facts.workload else {
        return why.clone();
    };
    let namespace = facts.object.namespace;
    why.and(&format!(
        "See kubectl -n {namespace} describe pods -l app.kubernetes.io/instance={name}"
    ))
}
