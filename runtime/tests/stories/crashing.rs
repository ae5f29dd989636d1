//! Processes die, stop and take over; messages do not get lost.

use std::time::Duration;

use vrsky_plan::EdgeName;
use vrsky_plan::program::{Condition, Retries};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program};
use crate::world::{World, until};

#[tokio::test]
async fn nothing_is_lost_when_the_process_is_killed_again_and_again() {
    let mut world = World::new().await;
    let program =
        program("crash")
            .map(".n = .n + 1")
            .topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    world.feed("e.shop_crash.in", numbers(0..60_000)).await;
    for _ in 0..5 {
        let before = world.transit("e.shop_reader.in").await;
        let runtime = world.runtime();
        until("progress", || async {
            world.transit("e.shop_reader.in").await > before + 1_000
        })
        .await;
        runtime.kill();
    }
    let _runtime = world.runtime();
    until("an empty edge", || async {
        world.transit("e.shop_crash.in").await == 0
    })
    .await;
    let (ids, copies) = world.ids("e.shop_reader.in").await;
    assert_eq!(ids.len(), 60_000);
    // The same message delivered again carries the same Nats-Msg-Id, which the stream knows.
    assert_eq!(copies, 60_000);
    let lease = world
        .lease(&program.flow, &EdgeName::ingress())
        .await
        .unwrap();
    assert!(lease.epoch >= 6, "{lease:?}");
}

#[tokio::test]
async fn a_killed_process_delivers_again_only_what_was_in_flight() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(5), |_| 204).await;
    let retries = Retries {
        attempts: 3,
        first_ms: 10,
        max_ms: 10,
    };
    let program = program("again").deliver("erp", "http", endpoint.with(), retries);
    world.put(program).await;
    world.feed("e.shop_again.in", numbers(0..5_000)).await;
    let runtime = world.runtime();
    until("progress", || async { endpoint.seen().len() > 1_000 }).await;
    runtime.kill();
    let _runtime = world.runtime();
    until("an empty edge", || async {
        world.transit("e.shop_again.in").await == 0
    })
    .await;
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 5_000);
    let again = seen.values().filter(|times| **times > 1).count();
    assert!(again > 0, "a kill without duplicates has shown nothing");
    assert!(again <= 5_000 - 1_000, "{again}");
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_leaves_no_duplicates() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(5), |_| 204).await;
    let retries = Retries {
        attempts: 3,
        first_ms: 10,
        max_ms: 10,
    };
    let program = program("stop").deliver("erp", "http", endpoint.with(), retries);
    world.put(program).await;
    world.feed("e.shop_stop.in", numbers(0..5_000)).await;
    for part in 1..=3 {
        let runtime = world.runtime();
        until("progress", || async {
            endpoint.seen().len() > part * 1_000
        })
        .await;
        assert_eq!(runtime.terminate().await, Some(0));
    }
    let _runtime = world.runtime();
    until("an empty edge", || async {
        world.transit("e.shop_stop.in").await == 0
    })
    .await;
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 5_000);
    assert!(seen.values().all(|times| *times == 1));
}

#[tokio::test]
async fn of_two_processes_one_reads_and_the_other_takes_over() {
    let mut world = World::new().await;
    let program = program("two").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let first = world.runtime();
    world.running(&program).await;
    let edge = EdgeName::ingress();
    until("an owner", || async {
        world.lease(&program.flow, &edge).await.is_some()
    })
    .await;
    let owner = world.lease(&program.flow, &edge).await.unwrap();
    let _second = world.runtime();
    world.feed("e.shop_two.in", numbers(0..500)).await;
    until("the first half", || async {
        world.transit("e.shop_reader.in").await == 500
    })
    .await;
    first.kill();
    world.feed("e.shop_two.in", numbers(500..1_000)).await;
    until("the second half", || async {
        world.transit("e.shop_reader.in").await >= 1_000
    })
    .await;
    let heir = world.lease(&program.flow, &edge).await.unwrap();
    assert!(heir.epoch > owner.epoch && heir.process != owner.process);
    assert_eq!(world.ids("e.shop_reader.in").await.0.len(), 1_000);
}

#[tokio::test]
async fn a_server_that_crashes_takes_no_message_with_it() {
    let mut world = World::new().await;
    let program = program("server").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    world.feed("e.shop_server.in", numbers(0..20_000)).await;
    let _runtime = world.runtime();
    until("progress", || async {
        world.transit("e.shop_reader.in").await > 1_000
    })
    .await;
    world.server.crash_and_restart();
    until("an empty edge", || async {
        world.transit_or_none("e.shop_server.in").await == Some(0)
    })
    .await;
    assert_eq!(world.ids("e.shop_reader.in").await.0.len(), 20_000);
}
