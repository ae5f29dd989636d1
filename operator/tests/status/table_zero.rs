//! The table for Flows that are at zero, or come back from there.

use jiff::SignedDuration;
use vrsky_operator::status::WAKES_WITHIN;
use vrsky_operator::status::facts::{Apply, Trouble};
use vrsky_plan::report::{Cause, State};

use crate::kstatus::Health;
use crate::situation::{Situation, blocked, hash, message, report};

const RUNS: [&str; 3] = [
    "Accepted True Accepted 3",
    "ResolvedRefs True Resolved 3",
    "Programmed True Programmed 3",
];
const READY: (Health, &str, bool) = (Health::Current, "Healthy", true);
const ON_ITS_WAY: (Health, &str, bool) = (Health::InProgress, "Progressing", false);

#[test]
fn a_flow_at_zero_is_ready_however_long_nobody_reports() {
    let flow = Situation::running().at_zero().settle();
    let conditions = [RUNS[0], RUNS[1], RUNS[2], "Ready True Idle 3"];
    let status = flow.assert_row(&conditions, READY);
    assert_eq!(
        message(&status, "Ready"),
        "at zero since 2026-05-04T04:00:00Z; starts when a message arrives"
    );
    let running = status.running.clone().unwrap();
    assert_eq!((running.generation, running.program_hash), (3, hash(3)));
    assert_eq!(flow.next_change(), None);
    assert_eq!(flow.after_silence(86_400).status(), status);
}

#[test]
fn what_the_pod_that_went_said_last_does_not_matter() {
    let was_blocked = blocked(Cause::Other, "spec.sinks.erp", "not there");
    let flow = Situation::running()
        .at_zero()
        .says(report(2, was_blocked))
        .pods("ProgressDeadlineExceeded", "of a rollout that is over");
    flow.assert_row(&[RUNS[0], RUNS[1], RUNS[2], "Ready True Idle 3"], READY);
}

#[test]
fn an_edit_at_zero_is_ready_when_nats_has_its_program() {
    let mut flow = Situation::running().at_zero().settle().edited();
    flow.apply = Apply::Pending;
    flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed False Progressing 4",
            "Ready True Idle 3",
            "Reconciling True Progressing 4",
        ],
        ON_ITS_WAY,
    );
    flow.apply = Apply::Failed(Trouble {
        reason: "BrokerRefused",
        message: "no space",
    });
    assert_eq!(flow.status().conditions[3].observed_generation, Some(3));
    flow.apply = Apply::Done;
    let zero = flow.zero.as_mut().unwrap();
    (zero.generation, zero.hash) = (4, hash(4));
    let status = flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed True Programmed 4",
            "Ready True Idle 4",
        ],
        READY,
    );
    assert_eq!(status.running.unwrap().generation, 4);
}

#[test]
fn a_mistake_at_zero_is_told_and_wakes_nobody() {
    let flow = Situation::running().at_zero().settle();
    let flow = flow.withheld(402, "spec.steps[0].map", "no field `totl`");
    let status = flow.assert_row(
        &[
            "Accepted False CompileError 4",
            "ResolvedRefs Unknown NotChecked 4",
            "Programmed False CompileError 4",
            "Ready False CompileError 4",
            "Stalled True CompileError 4",
        ],
        (Health::Failed, "Degraded", false),
    );
    assert_eq!(status.running.unwrap().generation, 3);
}

#[test]
fn a_flow_that_wakes_stays_ready_until_its_pod_reports() {
    let flow = Situation::running().at_zero().after_silence(600).settle();
    let flow = flow.woken();
    let waking = [RUNS[0], RUNS[1], RUNS[2], "Ready True Waking 3"];
    flow.assert_row(&waking, READY);
    assert_eq!(flow.next_change(), Some(flow.now + WAKES_WITHIN));
    let flow = flow.after_silence(59);
    flow.assert_row(&waking, READY);
    let awake = flow.clone().says(report(3, State::Running));
    awake.assert_row(&[RUNS[0], RUNS[1], RUNS[2], "Ready True Running 3"], READY);
    let blocked = flow.says(report(
        3,
        blocked(Cause::SecretNotFound, "spec.sinks.erp", "no Secret `erp`"),
    ));
    assert_eq!(blocked.status().conditions[3].reason, "SecretNotFound");
}

#[test]
fn a_pod_that_does_not_come_degrades_a_flow_that_wakes_and_then_fails_it() {
    let flow = Situation::running().at_zero().after_silence(600).settle();
    let flow = flow.woken().pods("ImagePullBackOff", "no such image");
    let flow = flow.after_silence(10);
    flow.assert_row(
        &[
            RUNS[0],
            RUNS[1],
            RUNS[2],
            "Ready True Waking 3",
            "Degraded True ImagePullBackOff 3",
        ],
        READY,
    );
    flow.settle().after_silence(50).assert_row(
        &[
            RUNS[0],
            RUNS[1],
            RUNS[2],
            "Ready False ImagePullBackOff 3",
            "Reconciling True ImagePullBackOff 3",
        ],
        ON_ITS_WAY,
    );
}

#[test]
fn a_report_from_before_the_message_is_none_of_the_new_pod() {
    let mut flow = Situation::running().at_zero().woken();
    flow.now += SignedDuration::from_secs(1);
    assert_eq!(flow.status().conditions[3].reason, "Waking");
}

#[test]
fn a_flow_that_is_suspended_at_zero_rests_as_it_is() {
    let mut flow = Situation::running().at_zero().settle().suspended();
    let zero = flow.zero.as_mut().unwrap();
    (zero.generation, zero.hash, zero.suspended) = (4, hash(4), true);
    let status = flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed True Programmed 4",
            "Ready True Suspended 4",
            "Suspended True Suspended 4",
        ],
        (Health::Current, "Suspended", true),
    );
    assert_eq!(status.running, None);
}

#[test]
fn without_the_broker_nothing_is_known_of_a_flow_at_zero_either() {
    let mut flow = Situation::running().at_zero();
    flow.apply = Apply::Away { message: "refused" };
    assert_eq!(flow.status().conditions[3].reason, "BrokerUnavailable");
}
