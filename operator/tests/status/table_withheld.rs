//! The table for Flows: what is withheld, at once or after a minute.

use vrsky_operator::status::PATIENCE;
use vrsky_operator::status::facts::Tenancy;
use vrsky_plan::report::{Cause, State};

use crate::kstatus::Health;
use crate::situation::{Situation, blocked, message, report, shown};

#[test]
fn a_compile_error_stalls_at_once_while_the_generation_before_goes_on() {
    let flow = Situation::running().withheld(402, "spec.steps[0].map", "no field `totl`");
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
    assert_eq!(status.running.as_ref().unwrap().generation, 3);
    assert_eq!(
        message(&status, "Stalled"),
        "spec.steps[0].map: no field `totl` [VRS0402]"
    );
    assert_eq!(
        message(&status, "Ready"),
        "spec.steps[0].map: no field `totl` [VRS0402]. Generation 3 goes on running"
    );
    assert_eq!(status.diagnostics[0].code, "VRS0402");
}

#[test]
fn a_compile_error_of_a_new_flow_stalls_at_once() {
    let mut flow = Situation::fresh();
    flow.generation = 2;
    flow.program = None;
    flow.workload = None;
    flow = flow.withheld(102, "spec.stepz", "unknown field `stepz`");
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
    assert_eq!(status.running, None);
}

/// The conditions while what is missing may come.
fn unresolved(reason: &str, progress: &str, generation: i64) -> [String; 5] {
    [
        format!("Accepted True Accepted {generation}"),
        format!("ResolvedRefs False {reason} {generation}"),
        format!("Programmed False {reason} {generation}"),
        format!("Ready False {reason} {generation}"),
        format!("{progress} True {reason} {generation}"),
    ]
}

#[track_caller]
fn assert_patience(flow: &Situation, reason: &str) {
    let generation = flow.generation;
    let conditions = unresolved(reason, "Reconciling", generation);
    let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
    let in_progress = (Health::InProgress, "Progressing", false);
    flow.assert_row(&conditions, in_progress);
    let later = flow.clone().settle().after(59);
    later.assert_row(&conditions, in_progress);
    let next = flow.clone().settle().next_change().unwrap();
    assert!(next <= flow.now + PATIENCE);
    let over = later.settle().after(1);
    let conditions = unresolved(reason, "Stalled", generation);
    let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
    let failed = (Health::Failed, "Degraded", false);
    over.assert_row(&conditions, failed);
    // It stays so.
    over.settle().after(3600).assert_row(&conditions, failed);
}

#[test]
fn a_missing_reference_stalls_after_a_minute() {
    assert_patience(
        &Situation::running().withheld(
            601,
            "spec.source.topic",
            "the topic `globex/x` does not exist or is not granted to `acme`",
        ),
        "RefNotPermitted",
    );
}

#[test]
fn a_missing_connector_or_topic_reads_like_one_that_is_not_permitted() {
    for code in [201, 202, 203, 601] {
        let flow = Situation::running().withheld(code, "spec.source", "unknown");
        let status = flow.status();
        assert_eq!(status.conditions[1].reason, "RefNotPermitted", "{code}");
    }
}

#[test]
fn a_reference_with_mistakes_of_its_own_stalls_after_a_minute() {
    let mut flow = Situation::running();
    flow.held = true;
    assert_patience(&flow, "RefInvalid");
}

#[test]
fn a_missing_secret_stalls_after_a_minute() {
    let missing = blocked(
        Cause::SecretNotFound,
        "spec.sinks.erp.with.bearer",
        "the secret erp has no key token",
    );
    let flow = Situation::running().says(report(3, missing));
    assert_patience(&flow, "SecretNotFound");
    assert_eq!(
        message(&flow.status(), "Ready"),
        "spec.sinks.erp.with.bearer: the secret erp has no key token. The flow starts by itself once the namespace acme has it"
    );
    // The secret comes.
    let healed = flow.settle().after(90).says(report(3, State::Running));
    assert_eq!(healed.status().conditions[3].reason, "Running");
}

#[test]
fn the_patience_for_a_secret_begins_when_it_is_missed() {
    let crashing = Situation::running()
        .pods("CrashLoopBackOff", "back-off")
        .settle()
        .after(3600)
        .settle();
    let missing = blocked(Cause::SecretNotFound, "spec.source.with.verify", "missing");
    let mut flow = crashing.says(report(3, missing));
    flow.workload = Situation::fresh().workload;
    assert_patience(&flow, "SecretNotFound");
}

#[test]
fn a_new_generation_gets_a_new_patience() {
    let stalled = Situation::running()
        .withheld(601, "spec.source.topic", "missing")
        .settle()
        .after(60)
        .settle()
        .after(600);
    assert_eq!(stalled.status().conditions[4].type_, "Stalled");
    let mut edited = stalled.settle();
    edited.generation = 5;
    assert_patience(&edited, "RefNotPermitted");
}

#[test]
fn a_quota_that_is_used_up_stalls_after_a_minute() {
    let flow =
        Situation::running().withheld(208, "metadata.name", "the tenant's quota of flows is 1");
    assert_patience(&flow, "QuotaExceeded");
}

#[test]
fn a_namespace_without_a_tenant_stalls_after_a_minute() {
    let flow = Situation::running().withheld(204, "metadata.namespace", "belongs to no tenant");
    assert_patience(&flow, "NamespaceUnbound");
    let mut flow = Situation::running();
    flow.tenancy = Tenancy::Unbound;
    assert_patience(&flow, "NamespaceUnbound");
    flow.tenancy = Tenancy::Replaced;
    assert_patience(&flow, "NamespaceReplaced");
}

#[test]
fn a_suspended_tenant_stalls_its_flows_after_a_minute() {
    let mut flow = Situation::running();
    flow.tenancy = Tenancy::Suspended;
    assert_patience(&flow, "TenantSuspended");
}

#[test]
fn what_blocks_a_flow_otherwise_stalls_after_a_minute() {
    let full = blocked(Cause::DeadLetterFull, "spec.sinks.erp", "no space");
    let flow = Situation::running().says(report(3, full));
    let conditions = |progress| {
        [
            "Accepted True Accepted 3".to_owned(),
            "ResolvedRefs True Resolved 3".to_owned(),
            "Programmed False DeadLetterFull 3".to_owned(),
            "Ready False DeadLetterFull 3".to_owned(),
            format!("{progress} True DeadLetterFull 3"),
        ]
    };
    assert_eq!(shown(&flow.status()), conditions("Reconciling"));
    let later = flow.settle().after(60);
    assert_eq!(shown(&later.status()), conditions("Stalled"));
}

#[test]
fn a_flow_that_is_suspended_and_does_not_compile_says_both() {
    let flow = Situation::running()
        .withheld(402, "spec.steps[0].map", "no field `totl`")
        .says(report(3, State::Suspended));
    flow.assert_row(
        &[
            "Accepted False CompileError 4",
            "ResolvedRefs Unknown NotChecked 4",
            "Programmed False CompileError 4",
            "Ready False CompileError 4",
            "Stalled True CompileError 4",
            "Suspended True Suspended 3",
        ],
        (Health::Failed, "Degraded", false),
    );
}

#[test]
fn a_revoked_grant_stalls_its_reader_at_once() {
    for (code, reason) in [(603, "GrantRevoked"), (602, "GrantExpired")] {
        let mut flow = Situation::running().withheld(code, "spec.source.topic", "it was revoked");
        flow.generation = 3;
        let conditions = unresolved(reason, "Stalled", 3);
        let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
        flow.assert_row(&conditions, (Health::Failed, "Degraded", false));
    }
}
