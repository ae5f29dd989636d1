//! What holds of every status, whatever the facts.

use jiff::SignedDuration;
use proptest::prelude::*;
use vrsky_compiler::Severity;
use vrsky_crds::status::Status;
use vrsky_operator::status::WAKES_WITHIN;
use vrsky_operator::status::facts::{Apply, Deleting, Tenancy, Trouble, Workload};
use vrsky_plan::Report;
use vrsky_plan::report::{Cause, State};

use crate::kstatus::Health;
use crate::situation::{
    AtZero, Situation, blocked, diagnostic, failing, hash, judged, object, report, start, waiting,
};

fn trouble() -> impl Strategy<Value = Trouble<'static>> {
    prop_oneof![
        Just(("CrashLoopBackOff", "back-off")),
        Just(("BrokerRefused", "no space")),
        Just(("", "")),
    ]
    .prop_map(|(reason, message)| Trouble { reason, message })
}

fn apply() -> impl Strategy<Value = Apply<'static>> {
    prop_oneof![
        1 => Just(Apply::Pending),
        5 => Just(Apply::Done),
        1 => trouble().prop_map(Apply::Failed),
        1 => Just(Apply::Away { message: "refused" }),
    ]
}

fn state() -> impl Strategy<Value = State> {
    let causes = [Cause::SecretNotFound, Cause::DeadLetterFull, Cause::Other];
    prop_oneof![
        6 => Just(State::Running),
        3 => Just(State::Suspended),
        1 => prop::sample::select(causes.to_vec())
            .prop_map(|cause| blocked(cause, "spec.sinks.erp", "not there")),
    ]
}

/// A report, its age in milliseconds, and how far its generation is from the object's. A tenant's
/// runtime may say what it likes, so later generations and hashes of other programs are among them.
fn heard() -> impl Strategy<Value = (Report, i64, i64)> {
    let distance = prop_oneof![6 => Just(0_i64), 3 => -2_i64..0, 1 => Just(1)];
    let age = prop_oneof![4 => -5_000_i64..5_000, 1 => 5_000_i64..45_000];
    let counters = (0_u64..20_000, 0_u64..120_000, 0_u64..2);
    (distance, age, counters, state(), "[a-c]").prop_map(
        |(distance, age, (messages, error_age, dead), state, process)| {
            let mut report = report(0, state);
            report.process = process;
            report.counters.dead_lettered = dead;
            let report = failing(waiting(report, "in", messages), error_age);
            (report, age, distance)
        },
    )
}

fn diagnostics() -> impl Strategy<Value = Vec<vrsky_compiler::Diagnostic>> {
    let one = (
        prop::sample::select(vec![102_u16, 201, 203, 204, 208, 312, 402, 601, 602, 603]),
        prop::sample::select(vec![Severity::Error, Severity::Warning]),
        "spec\\.[a-z]{0,3}",
        "[a-z \n]{0,20}",
    )
        .prop_map(|(code, severity, path, text)| diagnostic(code, severity, &path, &text));
    prop_oneof![
        8 => Just(Vec::new()),
        2 => prop::collection::vec(one.clone(), 1..3),
        1 => prop::collection::vec(one, 0..40),
    ]
}

fn workload() -> impl Strategy<Value = Option<Workload<'static>>> {
    let exists =
        (any::<bool>(), prop::option::weighted(0.3, trouble())).prop_map(|(available, trouble)| {
            Workload {
                pods: None,
                name: "vrsky-runtime",
                available,
                trouble,
            }
        });
    prop::option::weighted(0.8, exists)
}

fn tenancy() -> impl Strategy<Value = Tenancy> {
    prop_oneof![
        9 => Just(Tenancy::Bound),
        1 => prop::sample::select(vec![Tenancy::Unbound, Tenancy::Replaced, Tenancy::Suspended]),
    ]
}

/// Age in milliseconds, whether a message came, whether it is suspended, whether what is planned lies
/// in NATS.
fn zero() -> impl Strategy<Value = Option<(i64, bool, bool, bool)>> {
    let zero = (
        0_i64..90_000,
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.7),
    );
    prop::option::weighted(0.3, zero)
}

fn situation() -> impl Strategy<Value = Situation> {
    let object = (
        1_i64..5,
        prop::option::weighted(0.1, prop::option::of(0_u64..100)),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        diagnostics(),
        tenancy(),
    );
    let world = (
        apply(),
        prop::option::weighted(0.9, (1_i64..5, prop::bool::weighted(0.3))),
        prop::bool::weighted(0.8),
        workload(),
        prop::collection::vec(heard(), 0..3),
        prop::bool::weighted(0.1),
    );
    (object, world, zero(), 0_i64..200_000).prop_map(
        |(
            (generation, deleting, paused, held, diagnostics, tenancy),
            (apply, program, current, workload, reports, other),
            zero,
            milliseconds,
        )| {
            let mut situation = Situation::fresh();
            situation.now = start() + SignedDuration::from_millis(milliseconds);
            situation.generation = generation;
            situation.deleting = deleting.map(|left| Deleting { left, until: None });
            situation.paused = paused;
            situation.held = held;
            situation.diagnostics = diagnostics;
            situation.tenancy = tenancy;
            situation.apply = apply;
            situation.program = program.map(|(older, suspended)| {
                let planned = if current {
                    generation
                } else {
                    older.min(generation)
                };
                (planned, hash(planned), suspended)
            });
            situation.workload = workload;
            situation.zero = zero.map(|(age, is_woken, suspended, is_planned)| {
                let planned = situation.program.as_ref().filter(|_| is_planned);
                let generation = planned.map_or(1, |(generation, _, _)| *generation);
                let at = situation.now - SignedDuration::from_millis(age);
                AtZero {
                    generation,
                    hash: hash(generation),
                    suspended: planned.map_or(suspended, |(_, _, suspended)| *suspended),
                    since: (!is_woken).then_some(at),
                    woken: is_woken.then_some(at),
                }
            });
            situation.reports = reports
                .into_iter()
                .map(|(mut report, age, distance)| {
                    report.generation = (generation + distance).max(1);
                    report.program = hash(report.generation);
                    (report, situation.now - SignedDuration::from_millis(age))
                })
                .collect();
            if let (true, Some((report, _))) = (other, situation.reports.first_mut()) {
                "another".clone_into(&mut report.program);
            }
            situation
        },
    )
}

/// Two situations in the order of time, the second after the first one's status.
fn sequence() -> impl Strategy<Value = Situation> {
    (situation(), situation(), 0_i64..100_000).prop_map(|(first, mut second, later)| {
        let shift = first.now + SignedDuration::from_millis(later) - second.now;
        second.now += shift;
        for (_, received) in &mut second.reports {
            *received += shift;
        }
        if let Some(zero) = &mut second.zero {
            zero.since = zero.since.map(|since| since + shift);
            zero.woken = zero.woken.map(|woken| woken + shift);
        }
        second.generation = second.generation.max(first.generation);
        second.previous = first.status();
        second
    })
}

fn is_true(status: &Status, kind: &str) -> bool {
    status
        .conditions
        .iter()
        .any(|one| one.type_ == kind && one.status == "True")
}

/// Whether a report that is not too old runs (or rests, as it should) at this generation; or NATS has
/// it for the next pod, which is not overdue.
fn some_report_runs(situation: &Situation, generation: i64) -> bool {
    let zero = situation.zero.as_ref();
    let waits = zero.filter(|zero| {
        let overdue = |woken| situation.now.duration_since(woken) >= WAKES_WITHIN;
        !zero.woken.is_some_and(overdue)
    });
    if waits.is_some_and(|zero| zero.generation == generation) {
        return true;
    }
    situation.reports.iter().any(|(report, received)| {
        report.generation == generation
            && !matches!(report.state, State::Blocked { .. })
            && situation.now.duration_since(*received) < SignedDuration::from_secs(30)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_status_keeps_the_contract(situation in sequence()) {
        let status = situation.status();
        let generation = situation.generation;
        let kinds: Vec<_> = status.conditions.iter().map(|one| one.type_.as_str()).collect();
        prop_assert_eq!(&kinds[..4], &["Accepted", "ResolvedRefs", "Programmed", "Ready"]);
        let mut unique = kinds.clone();
        unique.sort_unstable();
        unique.dedup();
        prop_assert_eq!(unique.len(), kinds.len());
        prop_assert!(!(is_true(&status, "Reconciling") && is_true(&status, "Stalled")));
        prop_assert_eq!(status.observed_generation, generation);
        prop_assert!(status.diagnostics.len() <= 20);
        for one in &status.conditions {
            prop_assert!(one.observed_generation.unwrap() <= generation);
            prop_assert!(kinds[..4].contains(&one.type_.as_str()) || one.status == "True");
            prop_assert!(one.reason.chars().all(|c| c.is_ascii_alphanumeric()));
            prop_assert!(one.reason.starts_with(|c: char| c.is_ascii_alphabetic()));
            prop_assert!(one.message.chars().count() <= 1_000 && !one.message.contains('\n'));
        }
    }

    #[test]
    fn nothing_is_ready_for_a_generation_that_does_not_run(situation in sequence()) {
        let status = situation.status();
        let ready = &status.conditions[3];
        if ready.status == "True" {
            let generation = ready.observed_generation.unwrap();
            prop_assert!(some_report_runs(&situation, generation));
            let settled = !is_true(&status, "Reconciling") && !is_true(&status, "Stalled");
            prop_assert_eq!(settled && generation == situation.generation, settled);
        } else {
            prop_assert!(is_true(&status, "Reconciling") || is_true(&status, "Stalled"));
        }
    }

    #[test]
    fn a_second_look_changes_nothing(situation in sequence()) {
        let settled = situation.clone().settle();
        prop_assert_eq!(settled.status(), situation.status());
    }

    #[test]
    fn nothing_changes_before_its_time(situation in sequence(), share in 0.0..1.0_f64) {
        let status = situation.status();
        let mut settled = situation.clone().settle();
        let hour = SignedDuration::from_hours(1);
        let next = situation.next_change().unwrap_or(situation.now + hour);
        let wait = next.duration_since(situation.now).mul_f64(share);
        settled.now = (situation.now + wait).min(next - SignedDuration::from_nanos(1));
        prop_assert_eq!(settled.status(), status);
    }

    #[test]
    fn a_time_changes_exactly_with_its_status(situation in sequence()) {
        for one in situation.status().conditions {
            let before = situation.previous.conditions.iter().find(|old| old.type_ == one.type_);
            let kept = before.filter(|old| old.status == one.status);
            let expected = kept.map_or_else(
                || situation.now.as_second(),
                |old| old.last_transition_time.0.as_second(),
            );
            prop_assert_eq!(one.last_transition_time.0.as_second(), expected);
        }
    }

    #[test]
    fn the_judges_agree(situation in sequence()) {
        let status = situation.status();
        let deleting = situation.deleting.is_some();
        let (kstatus, argo, ready) = judged(&object(&status, situation.generation, deleting));
        let expected = match kstatus {
            Health::Terminating | Health::InProgress => "Progressing",
            Health::Failed => "Degraded",
            Health::Current if is_true(&status, "Suspended") => "Suspended",
            Health::Current => "Healthy",
        };
        prop_assert_eq!(argo, expected);
        prop_assert!(kstatus != Health::Current || ready);
    }

    #[test]
    fn an_old_generation_is_never_healthy(situation in sequence(), newer in 1_i64..3) {
        let status = situation.status();
        let (kstatus, argo, ready) = judged(&object(&status, situation.generation + newer, false));
        prop_assert_eq!(kstatus, Health::InProgress);
        prop_assert_eq!(argo, "Progressing");
        prop_assert!(!ready);
    }
}

#[test]
fn the_generator_reaches_every_outcome() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let situation = sequence().new_tree(&mut runner).unwrap().current();
        let status = situation.status();
        let object = object(&status, situation.generation, situation.deleting.is_some());
        *seen.entry(judged(&object).1).or_insert(0) += 1;
    }
    for health in ["Healthy", "Progressing", "Degraded", "Suspended"] {
        assert!(
            seen.get(health).is_some_and(|count| *count > 10),
            "{seen:?}"
        );
    }
}
