//! The table for Flows: what runs, what comes, what goes.

use jiff::SignedDuration;
use vrsky_operator::status::facts::{Apply, Deleting, Trouble};
use vrsky_plan::report::State;

use crate::kstatus::Health;
use crate::situation::{Situation, failing, hash, message, report, waiting};

const RESOLVED: [&str; 2] = ["Accepted True Accepted 3", "ResolvedRefs True Resolved 3"];

#[test]
fn a_flow_that_runs_is_ready() {
    let status = Situation::running().assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready True Running 3",
        ],
        (Health::Current, "Healthy", true),
    );
    let running = status.running.unwrap();
    assert_eq!((running.generation, running.program_hash), (3, hash(3)));
}

#[test]
fn an_edit_that_rolls_out_is_ready_for_the_generation_before() {
    let flow = Situation::running().edited();
    let status = flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed False Progressing 4",
            "Ready True Running 3",
            "Reconciling True Progressing 4",
        ],
        (Health::InProgress, "Progressing", false),
    );
    assert_eq!(status.running.unwrap().generation, 3);
    let there = flow.settle().after(1).says(report(4, State::Running));
    there.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed True Programmed 4",
            "Ready True Running 4",
        ],
        (Health::Current, "Healthy", true),
    );
}

#[test]
fn an_edit_has_rolled_out_when_every_process_runs_it() {
    let mut flow = Situation::running().edited();
    let mut second = report(4, State::Running);
    second.process = "two".to_owned();
    flow.reports.push((second, flow.now));
    let status = flow.status();
    assert_eq!(status.conditions[2].reason, "Progressing");
    assert_eq!(status.conditions[3].observed_generation, Some(3));
    assert_eq!(status.running.unwrap().generation, 3);
}

#[test]
fn a_process_that_is_gone_does_not_hold_up_a_rollout() {
    let mut flow = Situation::running().edited();
    let mut second = report(4, State::Running);
    second.process = "two".to_owned();
    flow.now += SignedDuration::from_secs(12);
    flow.reports.push((second, flow.now));
    assert_eq!(flow.status().conditions[3].observed_generation, Some(4));
}

#[test]
fn a_program_that_changed_without_an_edit_rolls_out_too() {
    let mut flow = Situation::running();
    flow.program = Some((3, "another".to_owned(), false));
    flow.assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed False Progressing 3",
            "Ready True Running 3",
            "Reconciling True Progressing 3",
        ],
        (Health::InProgress, "Progressing", true),
    );
}

#[test]
fn without_the_broker_nothing_is_known() {
    let mut flow = Situation::running();
    flow.apply = Apply::Away {
        message: "connection refused",
    };
    let status = flow.assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed Unknown BrokerUnavailable 3",
            "Ready False BrokerUnavailable 3",
            "Reconciling True BrokerUnavailable 3",
        ],
        (Health::InProgress, "Progressing", false),
    );
    assert!(message(&status, "Ready").ends_with("connection refused"));
    // It is no matter of patience: nobody but the platform can do anything.
    let later = flow.settle().after(3600);
    assert_eq!(later.status(), status);
}

#[test]
fn what_the_broker_refuses_is_tried_again_while_the_generation_before_runs() {
    let mut flow = Situation::running().edited();
    flow.apply = Apply::Failed(Trouble {
        reason: "BrokerRefused",
        message: "the broker refused creating the stream: no space",
    });
    flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed False BrokerRefused 4",
            "Ready True Running 3",
            "Reconciling True BrokerRefused 4",
        ],
        (Health::InProgress, "Progressing", false),
    );
}

#[test]
fn pods_that_cannot_run_are_named_with_their_reason() {
    for reason in ["Unschedulable", "CrashLoopBackOff", "ImagePullBackOff"] {
        let flow = Situation::running().pods(reason, "back-off");
        let ready = format!("Ready False {reason} 3");
        let reconciling = format!("Reconciling True {reason} 3");
        let conditions = [
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            &ready,
            &reconciling,
        ];
        let status = flow.assert_row(&conditions, (Health::InProgress, "Progressing", false));
        assert_eq!(
            message(&status, "Ready"),
            "back-off. See kubectl -n acme describe pods -l app.kubernetes.io/instance=vrsky-runtime"
        );
        let later = flow.settle().after(3600);
        later.assert_row(&conditions, (Health::InProgress, "Progressing", false));
    }
}

#[test]
fn a_flow_whose_runtime_starts_waits_for_its_first_report() {
    Situation::fresh().assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready False Starting 3",
            "Reconciling True Starting 3",
        ],
        (Health::InProgress, "Progressing", false),
    );
}

#[test]
fn a_report_older_than_thirty_seconds_says_nothing() {
    let flow = Situation::running();
    assert_eq!(
        flow.next_change(),
        Some(flow.now + SignedDuration::from_secs(30))
    );
    let nearly = flow.clone().after_silence(29);
    assert_eq!(nearly.status(), flow.status());
    let status = flow.after_silence(30).assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready False ReportStale 3",
            "Reconciling True ReportStale 3",
        ],
        (Health::InProgress, "Progressing", false),
    );
    assert_eq!(status.running, None);
}

#[test]
fn trouble_with_messages_leaves_a_flow_ready() {
    let mut troubled = failing(report(3, State::Running), 5_000);
    troubled.counters.dead_lettered = 1;
    let flow = Situation::running().says(waiting(troubled, "sink-erp", 10_000));
    let conditions = [
        RESOLVED[0],
        RESOLVED[1],
        "Programmed True Programmed 3",
        "Ready True Running 3",
        "Degraded True Failing 3",
        "Backlogged True Backlog 3",
        "DeadLettered True DeadLetters 3",
    ];
    let status = flow.assert_row(&conditions, (Health::Current, "Healthy", true));
    assert_eq!(
        message(&status, "Degraded"),
        "spec.sinks.erp: erp.acme.example: connection refused"
    );
    assert!(message(&status, "Backlogged").contains("`sink-erp`"));
}

#[test]
fn an_error_of_a_minute_ago_degrades_no_more() {
    let flow = Situation::running().says(failing(report(3, State::Running), 60_000));
    assert_eq!(flow.status().conditions.len(), 4);
}

#[test]
fn a_backlog_ends_where_it_is_clearly_less() {
    let waits = |messages| waiting(report(3, State::Running), "in", messages);
    let is_backlogged = |flow: &Situation| {
        flow.status()
            .conditions
            .iter()
            .any(|one| one.type_ == "Backlogged")
    };
    let flow = Situation::running().says(waits(9_999));
    assert!(!is_backlogged(&flow));
    let flow = flow.says(waits(10_000)).settle();
    assert!(is_backlogged(&flow));
    let flow = flow.says(waits(1_000)).settle();
    assert!(is_backlogged(&flow));
    let flow = flow.says(waits(999)).settle();
    assert!(!is_backlogged(&flow));
}

#[test]
fn a_pod_that_does_not_come_degrades_a_flow_that_runs() {
    let mut flow = Situation::running().pods("ImagePullBackOff", "no such image");
    flow.workload.as_mut().unwrap().available = true;
    flow.assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready True Running 3",
            "Degraded True ImagePullBackOff 3",
        ],
        (Health::Current, "Healthy", true),
    );
}

#[test]
fn a_suspended_flow_is_ready_once_it_rests() {
    let flow = Situation::running().suspended();
    flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed False Progressing 4",
            "Ready True Running 3",
            "Reconciling True Progressing 4",
        ],
        (Health::InProgress, "Progressing", false),
    );
    let status = flow.says(report(4, State::Suspended)).assert_row(
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
fn a_flow_that_is_deleted_says_how_much_is_left() {
    let mut flow = Situation::running();
    flow.generation = 4;
    flow.deleting = Some(Deleting {
        left: Some(12),
        until: Some(flow.now),
    });
    let status = flow.assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready False Draining 4",
            "Reconciling True Draining 4",
        ],
        (Health::Terminating, "Progressing", false),
    );
    assert_eq!(
        message(&status, "Ready"),
        "being deleted: 12 messages left; it goes at 2026-05-04T04:00:00Z at the latest"
    );
}

#[test]
fn a_paused_flow_says_so_and_runs_on() {
    let mut flow = Situation::running();
    flow.paused = true;
    flow.assert_row(
        &[
            RESOLVED[0],
            RESOLVED[1],
            "Programmed True Programmed 3",
            "Ready True Running 3",
            "Paused True Paused 3",
        ],
        (Health::Current, "Healthy", true),
    );
    flow.generation = 4;
    flow.held = true;
    flow.assert_row(
        &[
            "Accepted True Accepted 4",
            "ResolvedRefs True Resolved 4",
            "Programmed False Paused 4",
            "Ready True Running 3",
            "Stalled True Paused 4",
            "Paused True Paused 4",
        ],
        (Health::Failed, "Degraded", false),
    );
}
