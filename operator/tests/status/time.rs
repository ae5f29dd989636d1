//! Times of conditions.

use jiff::SignedDuration;
use vrsky_operator::status::{PATIENCE, next_change};
use vrsky_plan::report::State;

use crate::situation::{Situation, report, start};

#[test]
fn a_time_changes_only_with_the_status() {
    let flow = Situation::running();
    let ready = |flow: &Situation| flow.status().conditions[3].last_transition_time.0;
    assert_eq!(ready(&flow), start());
    let edited = flow.settle().after(60).edited();
    assert_eq!(ready(&edited), start());
    let there = edited.settle().after(1).says(report(4, State::Running));
    assert_eq!(ready(&there), start());
    let crashing = there.settle().after(1).pods("CrashLoopBackOff", "back-off");
    assert_eq!(ready(&crashing), crashing.now);
}

#[test]
fn times_are_whole_seconds_as_the_api_server_returns_them() {
    let mut flow = Situation::fresh();
    flow.now += SignedDuration::from_millis(750);
    let status = flow.status();
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(
        serde_json::from_str::<vrsky_crds::status::Status>(&text).unwrap(),
        status
    );
}

#[test]
fn a_flow_that_needs_patience_is_looked_at_again_when_it_ends() {
    let flow = Situation::fresh().withheld(601, "spec.source.topic", "missing");
    let status = flow.status();
    assert_eq!(
        next_change(&status, &[], flow.now),
        Some(flow.now + PATIENCE)
    );
    let over = flow.settle().after(60);
    assert_eq!(next_change(&over.status(), &[], over.now), None);
}

#[test]
fn a_flow_that_runs_is_looked_at_again_when_its_oldest_report_ages() {
    let mut flow = Situation::running();
    let mut second = report(3, State::Running);
    second.process = "two".to_owned();
    flow.reports
        .push((second, flow.now - SignedDuration::from_secs(4)));
    assert_eq!(
        flow.next_change(),
        Some(flow.now + SignedDuration::from_secs(26))
    );
}

#[test]
fn nothing_changes_by_itself_where_nobody_reports() {
    assert_eq!(Situation::fresh().next_change(), None);
}
