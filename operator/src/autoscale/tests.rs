//! What is decided, look by look.

use jiff::Timestamp;
use vrsky_plan::program::Scale;

use super::{Sight, Stand};

const ZERO_OR_ONE: Scale = Scale {
    min: 0,
    max: 1,
    backlog_per_pod: 100,
    idle_seconds: 60,
};
const UP_TO_FOUR: Scale = Scale {
    min: 1,
    max: 4,
    ..ZERO_OR_ONE
};
const QUIET: Sight = Sight {
    waiting: Some(0),
    suspended: false,
    runs: true,
    done: 0,
};
const BUSY: Sight = Sight {
    waiting: Some(1),
    ..QUIET
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

/// Looks every two seconds, from one second up to the other.
fn look(stand: Stand, sight: &Sight, from: i64, to: i64) -> Stand {
    (from..=to).step_by(2).fold(stand, |stand, second| {
        stand.next(sight, &ZERO_OR_ONE, at(second))
    })
}

const ZERO: Stand = Stand::Zero { since: None };

#[test]
fn it_goes_to_zero_after_a_whole_idle_period_and_comes_back_for_a_message() {
    let stand = look(Stand::first(1), &QUIET, 0, 58);
    assert_ne!(stand.pods(), 0);
    let stand = stand.next(&QUIET, &ZERO_OR_ONE, at(60));
    assert_eq!(
        stand,
        Stand::Zero {
            since: Some(at(60))
        }
    );
    let stand = look(stand, &QUIET, 62, 1_000);
    assert_eq!(
        stand,
        Stand::Zero {
            since: Some(at(60))
        }
    );
    let awake = Stand::Up {
        pods: 1,
        less: None,
        done: 0,
        woken: Some(at(1_002)),
    };
    assert_eq!(stand.next(&BUSY, &ZERO_OR_ONE, at(1_002)), awake);
}

#[test]
fn one_message_in_an_idle_period_begins_it_anew() {
    let stand = look(Stand::first(1), &QUIET, 0, 50);
    let stand = stand.next(&BUSY, &ZERO_OR_ONE, at(52));
    assert_ne!(look(stand, &QUIET, 54, 112).pods(), 0);
    assert_eq!(look(stand, &QUIET, 54, 114).pods(), 0);
}

#[test]
fn messages_that_come_and_go_between_two_looks_keep_it_awake() {
    let mut stand = Stand::first(1);
    for second in 0..500 {
        let sight = Sight {
            done: u64::try_from(second).unwrap_or_default() / 30,
            ..QUIET
        };
        stand = stand.next(&sight, &ZERO_OR_ONE, at(second));
    }
    assert_ne!(stand.pods(), 0);
}

#[test]
fn a_new_operator_takes_over_what_is_and_counts_anew() {
    assert_eq!(Stand::first(0), ZERO);
    assert_eq!(look(ZERO, &QUIET, 0, 100), ZERO);
    assert_ne!(look(Stand::first(1), &QUIET, 0, 58).pods(), 0);
}

#[test]
fn while_nats_is_away_everything_stays() {
    let unknown = Sight {
        waiting: None,
        ..QUIET
    };
    assert_eq!(look(ZERO, &unknown, 0, 500), ZERO);
    let stand = look(Stand::first(1), &QUIET, 0, 50);
    let stand = look(stand, &unknown, 52, 500);
    assert_ne!(stand.pods(), 0);
    // The gap is no idle time.
    assert_ne!(look(stand, &QUIET, 502, 560).pods(), 0);
    assert_eq!(look(stand, &QUIET, 502, 562).pods(), 0);
}

#[test]
fn what_does_not_run_is_not_put_to_sleep() {
    let troubled = Sight {
        runs: false,
        ..QUIET
    };
    assert_ne!(look(Stand::first(1), &troubled, 0, 500).pods(), 0);
}

#[test]
fn a_suspended_flow_stays_where_it_is() {
    let suspended = Sight {
        suspended: true,
        ..BUSY
    };
    assert_eq!(look(ZERO, &suspended, 0, 500), ZERO);
    let idle = Sight {
        waiting: Some(0),
        ..suspended
    };
    assert_ne!(look(Stand::first(1), &idle, 0, 500).pods(), 0);
    // Resumed, it reads what came meanwhile.
    assert_ne!(ZERO.next(&BUSY, &ZERO_OR_ONE, at(502)).pods(), 0);
}

/// So many messages wait.
fn waits(messages: u64) -> Sight {
    Sight {
        waiting: Some(messages),
        ..QUIET
    }
}

fn next(stand: Stand, messages: u64, second: i64) -> Stand {
    stand.next(&waits(messages), &UP_TO_FOUR, at(second))
}

#[test]
fn what_waits_brings_as_many_pods_as_it_asks_for_at_once() {
    let stand = Stand::first(1);
    for (messages, pods) in [
        (0, 1),
        (100, 1),
        (101, 2),
        (300, 3),
        (301, 4),
        (u64::MAX, 4),
    ] {
        assert_eq!(next(stand, messages, 0).pods(), pods, "{messages}");
    }
    // From zero, too.
    let scale = Scale {
        min: 0,
        ..UP_TO_FOUR
    };
    let woken = ZERO.next(&waits(250), &scale, at(0));
    assert_eq!(woken.pods(), 3);
    // And back, when nothing was done for long enough.
    let (mut stand, mut pods) = (woken, Vec::new());
    for second in 1..=61 {
        stand = stand.next(&QUIET, &scale, at(second));
        pods.push(stand.pods());
    }
    assert_eq!((pods[59], pods[60]), (3, 0));
}

#[test]
fn pods_go_when_they_were_not_needed_for_a_while_down_to_the_most_that_was() {
    let mut stand = next(Stand::first(1), 400, 0);
    assert_eq!(stand.pods(), 4);
    for second in 1..=60 {
        let messages = if second == 30 { 180 } else { 0 };
        stand = next(stand, messages, second);
        assert_eq!(stand.pods(), 4, "{second}");
    }
    assert_eq!(next(stand, 0, 61).pods(), 2);
    // One moment in which all are needed begins it anew.
    let stand = next(next(stand, 400, 60), 0, 61);
    assert_eq!(next(stand, 0, 120).pods(), 4);
    assert_eq!(next(stand, 0, 121).pods(), 1);
}

#[test]
fn no_pod_comes_or_goes_while_processes_do_not_run_what_is_planned() {
    let stand = next(Stand::first(1), 250, 0);
    for waiting in [Some(0), Some(10_000), None] {
        let sight = Sight {
            waiting,
            runs: false,
            ..QUIET
        };
        let later = stand.next(&sight, &UP_TO_FOUR, at(1));
        let later = later.next(&sight, &UP_TO_FOUR, at(500));
        assert_eq!(later.pods(), 3);
    }
}

#[test]
fn other_bounds_hold_at_once() {
    let stand = next(Stand::first(1), 400, 0);
    let scale = |min, max| Scale {
        min,
        max,
        ..UP_TO_FOUR
    };
    assert_eq!(stand.within(&scale(1, 2)).pods(), 2);
    assert_eq!(Stand::first(0).within(&scale(1, 2)).pods(), 1);
    assert_eq!(stand.within(&scale(1, 8)), stand);
}
