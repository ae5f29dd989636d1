//! A sink is removed or renamed while messages lie on its edge, and the process that read it is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use vrsky_plan::program::{Condition, Retries, Target};
use vrsky_plan::{EdgeName, Program};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program, topic};
use crate::world::{World, header, until};

const RETRIES: Retries = Retries {
    attempts: 3,
    first_ms: 10,
    max_ms: 10,
};

/// A flow with two sinks, of which `audit` has an edge of its own.
fn with_audit(endpoint: &Endpoint) -> Program {
    let audit = Target::Deliver {
        builtin: "http".into(),
        with: endpoint.with().into(),
        retries: RETRIES,
    };
    without_audit().sink_edge("audit", Condition::Always, audit)
}

fn without_audit() -> Program {
    program("less").topic("out", Condition::Always, &["e.shop_reader.in"])
}

/// Puts a message where it waits for an hour.
async fn put_on_lane(world: &World, subject: &str, id: &str) {
    let mut headers = async_nats::HeaderMap::new();
    let due = std::time::SystemTime::now() + Duration::from_hours(1);
    let due = due.duration_since(std::time::UNIX_EPOCH).unwrap();
    headers.insert("Vrsky-Message", id);
    headers.insert("Vrsky-Attempts", "1");
    headers.insert("Vrsky-Due", due.as_millis().to_string());
    headers.insert("Vrsky-Output", "audit");
    let subject = subject.to_owned();
    let stored = world
        .jetstream
        .publish_with_headers(subject, headers, r#"{"n":1}"#.into());
    stored.await.unwrap().await.unwrap();
}

#[tokio::test]
async fn what_a_removed_sink_never_took_becomes_dead_letters() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(500), |_| 204).await;
    world.put(with_audit(&endpoint)).await;
    let runtime = world.runtime();
    world.feed("e.shop_less.in", numbers(0..500)).await;
    until("some audits", || async { !endpoint.seen().is_empty() }).await;
    runtime.kill();
    put_on_lane(&world, "e.shop_less.sink-audit-r10m", "waits").await;
    // A lane of an edge that the program has, and an edge of a flow that is no more.
    put_on_lane(&world, "e.shop_less.in-r10m", "stays").await;
    world.feed("e.shop_gone.in", numbers(0..5)).await;
    world.put(without_audit()).await;
    let _runtime = world.runtime();
    until("an empty edge", || async {
        world.transit("e.shop_less.sink-audit").await == 0
            && world.transit("e.shop_less.sink-audit-r10m").await == 0
            && world.transit("e.shop_less.in").await == 0
    })
    .await;
    let letters = world.read("d.shop_less.audit").await;
    assert_eq!(letters.len() as u64, world.dead_letters("d.>").await);
    for letter in &letters {
        assert_eq!(header(letter, "Vrsky-Step"), "audit");
        assert_eq!(header(letter, "Vrsky-Path"), "spec.sinks.audit");
        assert_eq!(header(letter, "Vrsky-Edge"), "e.shop_less.sink-audit");
        let error = header(letter, "Vrsky-Error");
        assert_eq!(error, "the sink was removed before it took this message");
    }
    let report = world
        .report(&without_audit().flow, |r| {
            r.counters.dead_lettered == letters.len() as u64
        })
        .await;
    assert!(report.last_error.is_some());
    let mut ends: BTreeSet<_> = letters.iter().map(|l| header(l, "Vrsky-Message")).collect();
    ends.extend(endpoint.seen().into_keys());
    assert_eq!(ends.len(), 501, "500 and the one on the lane");
    assert_eq!(world.transit("e.shop_less.in-r10m").await, 1);
    assert_eq!(world.transit("e.shop_gone.in").await, 5);
}

#[tokio::test]
async fn a_dead_letter_put_back_for_a_sink_that_is_gone_comes_back() {
    let mut world = World::new().await;
    world.put(without_audit()).await;
    let _runtime = world.runtime();
    world.running(&without_audit()).await;
    // As a redrive puts it.
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Vrsky-Message", "m1");
    headers.insert("Vrsky-Output", "audit");
    headers.insert("Vrsky-Redriven", "1");
    let edge = "e.shop_less.sink-audit";
    let stored = world
        .jetstream
        .publish_with_headers(edge, headers, r#"{"n":1}"#.into());
    stored.await.unwrap().await.unwrap();
    until("a dead letter", || async {
        world.transit(edge).await == 0 && world.dead_letters("d.shop_less.audit").await == 1
    })
    .await;
    let letter = world.read("d.shop_less.audit").await.remove(0);
    assert_eq!(header(&letter, "Vrsky-Redriven"), "1");
    assert_eq!(header(&letter, "Vrsky-Edge"), edge);
    let audit = EdgeName::sink("audit").unwrap();
    until("a released lease", || async {
        let lease = world.lease(&without_audit().flow, &audit).await;
        lease.is_some_and(|lease| lease.released)
    })
    .await;
}

#[tokio::test]
async fn a_sink_that_is_there_by_another_way_gets_what_was_on_its_way() {
    let mut world = World::new().await;
    // With one sink there is no edge for it: the first stage delivers.
    let program = program("one").map(".n = .n + 1").output(
        "audit",
        Condition::Always,
        topic("audit", &["e.shop_reader.in"]),
    );
    world.feed("e.shop_one.sink-audit", numbers(5..6)).await;
    world.put(program).await;
    let _runtime = world.runtime();
    until("it at the reader", || async {
        world.transit("e.shop_reader.in").await == 1
            && world.transit("e.shop_one.sink-audit").await == 0
    })
    .await;
    // It had run through the steps of the first stage before.
    let message = world.read("e.shop_reader.in").await.remove(0);
    assert_eq!(message.payload.as_ref(), br#"{"n":5}"#);
    assert_eq!(world.dead_letters("d.>").await, 0);
}

#[tokio::test]
async fn a_process_that_still_reads_the_edge_goes_first() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(200), |_| 204).await;
    world.put(with_audit(&endpoint)).await;
    let _first = world.runtime();
    world.running(&with_audit(&endpoint)).await;
    world.feed("e.shop_less.in", numbers(0..2_000)).await;
    until("some audits", || async { !endpoint.seen().is_empty() }).await;
    world.put(without_audit()).await;
    let second = world.runtime();
    until("the second sees the edge", || async {
        second.log().contains("leftover_found")
    })
    .await;
    assert!(endpoint.seen().len() < 2_000, "nothing was left to take");
    until("an empty edge", || async {
        world.transit("e.shop_less.*").await == 0
    })
    .await;
    assert_eq!(endpoint.seen().len(), 2_000);
    assert_eq!(world.dead_letters("d.>").await, 0);
}
