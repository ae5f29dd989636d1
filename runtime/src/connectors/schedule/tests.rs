#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Source;
use super::source::Schedule;
use crate::connectors::inlet::tests::Memory;
use crate::intake::Refused;

/// The next instants after `after`, in UTC.
fn instants(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::new(cron, zone).unwrap();
    let mut after: Timestamp = after.parse().unwrap();
    let mut instants = Vec::new();
    for _ in 0..count {
        after = schedule.next(after).unwrap();
        instants.push(after.to_string());
    }
    instants
}

#[test]
fn five_fields_are_minutes_and_six_are_seconds() {
    assert_eq!(
        instants("*/20 * * * *", "UTC", "2026-01-01T00:00:00Z", 2),
        ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"]
    );
    assert_eq!(
        instants("*/30 * * * * *", "UTC", "2026-01-01T00:00:00.5Z", 2),
        ["2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z"]
    );
}

#[test]
fn a_daily_hour_stays_when_the_clocks_change() {
    assert_eq!(
        instants("0 8 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 2),
        ["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"]
    );
}

#[test]
fn an_hour_that_comes_twice_fires_once() {
    assert_eq!(
        instants("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

#[test]
fn mistakes_in_the_parameters_block_the_flow() {
    let path = |with: Value| Source::open(&with).unwrap_err().path.unwrap();
    assert_eq!(path(json!({"cron": "every day"})), "spec.source.with.cron");
    assert_eq!(
        path(json!({"cron": "0 0 0 1 1 * 2030"})),
        "spec.source.with.cron"
    );
    assert_eq!(
        path(json!({"cron": "* * * * *", "timezone": "Mars/X"})),
        "spec.source.with.timezone"
    );
}

#[tokio::test]
async fn every_instant_comes_once_with_its_own_time() {
    let source =
        Source::open(&json!({"cron": "* * * * * *", "payload": {"kind": "tick"}})).unwrap();
    let (memory, inlet) = Memory::inlet();
    memory.refuse([Refused::Full]);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { source.run(inlet, stop).await }
    });
    let stored = memory.wait_for(3).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let seconds: Vec<i64> = stored
        .iter()
        .map(|message| {
            let payload: Value = serde_json::from_slice(&message.payload).unwrap();
            assert_eq!(payload["kind"], "tick");
            let time: Timestamp = payload["time"].as_str().unwrap().parse().unwrap();
            assert_eq!(message.id, format!("schedule-{}", time.as_second()));
            assert_eq!(
                message.metadata,
                json!({"id": message.id, "time": payload["time"]})
            );
            time.as_second()
        })
        .collect();
    assert_eq!(seconds[1..], [seconds[0] + 1, seconds[0] + 2]);
    assert_eq!(memory.notes(), ["spec.source: the flow's backlog is full"]);
}
