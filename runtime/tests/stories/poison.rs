//! A message that ends the process whenever it is worked on is written off, and no other with it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use vrsky_plan::EdgeName;
use vrsky_plan::program::Retries;

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program};
use crate::world::{BOUND, World, header, until};

const RETRIES: Retries = Retries {
    attempts: 3,
    first_ms: 10,
    max_ms: 10,
};

/// Starts a process again and again until nothing is left on the edge; how many were killed.
async fn killed_until_empty(world: &World, edge: &str, victim: &AtomicU32) -> usize {
    for killed in 0..10 {
        let mut runtime = world.runtime();
        victim.store(runtime.child.id(), Ordering::SeqCst);
        let deadline = std::time::Instant::now() + BOUND;
        while !runtime.ended() {
            if world.transit(edge).await == 0 {
                assert_eq!(runtime.terminate().await, Some(0));
                return killed;
            }
            assert!(std::time::Instant::now() < deadline, "{}", runtime.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("ten processes were killed");
}

#[tokio::test]
async fn a_message_that_kills_the_process_is_written_off_and_holds_up_no_other() {
    let mut world = World::new().await;
    let (endpoint, victim) = Endpoint::deadly("m150").await;
    let program = program("deadly").deliver("erp", "http", endpoint.with(), RETRIES);
    world.put(program.clone()).await;
    world.feed("e.shop_deadly.in", numbers(0..300)).await;
    let killed = killed_until_empty(&world, "e.shop_deadly.*", &victim).await;
    // Two for which nobody is suspected, three with this message noted.
    assert_eq!(killed, 5);
    let letters = world.read("d.>").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].subject.as_str(), "d.shop_deadly.erp");
    assert_eq!(header(&letters[0], "Vrsky-Message"), "m150");
    assert_eq!(
        header(&letters[0], "Vrsky-Error"),
        "the process ended 3 times while it was being worked on"
    );
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 300);
    assert_eq!(seen["m150"], 5);
}

#[tokio::test]
async fn a_message_that_kills_the_process_from_a_lane_is_written_off_too() {
    let mut world = World::new().await;
    let (endpoint, victim) = Endpoint::deadly("late").await;
    let program = program("late").deliver("erp", "http", endpoint.with(), RETRIES);
    world.put(program).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Vrsky-Message", "late");
    headers.insert("Vrsky-Attempts", "1");
    headers.insert("Vrsky-Due", "1");
    headers.insert("Vrsky-Output", "erp");
    let stored =
        world
            .jetstream
            .publish_with_headers("e.shop_late.in-r10s", headers, r#"{"n":1}"#.into());
    stored.await.unwrap().await.unwrap();
    world.feed("e.shop_late.in", numbers(0..100)).await;
    let killed = killed_until_empty(&world, "e.shop_late.*", &victim).await;
    assert_eq!(killed, 5);
    let letters = world.read("d.>").await;
    assert_eq!(letters.len(), 1, "an innocent message was written off");
    assert_eq!(header(&letters[0], "Vrsky-Message"), "late");
    let seen = endpoint.seen();
    assert!((0..100).all(|n| seen.contains_key(&format!("m{n}"))));
}

#[tokio::test]
async fn an_edge_that_is_through_suspects_nobody_and_is_as_fast_as_ever() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(20), |_| 204).await;
    let program = program("calm").deliver("erp", "http", endpoint.with(), RETRIES);
    world.put(program.clone()).await;
    world.feed("e.shop_calm.in", numbers(0..40)).await;
    let edge = EdgeName::ingress();
    for owners in 1..=3 {
        let runtime = world.runtime();
        until("an owner", || async {
            let lease = world.lease(&program.flow, &edge).await;
            lease.is_some_and(|lease| lease.epoch >= owners)
        })
        .await;
        runtime.kill();
    }
    let _runtime = world.runtime();
    until("a lease without suspicion", || async {
        let lease = world.lease(&program.flow, &edge).await.unwrap();
        world.transit("e.shop_calm.in").await == 0
            && lease.unclean == 0
            && lease.under_way.is_none()
            && lease.suspects.is_empty()
    })
    .await;
    let before = world.lease(&program.flow, &edge).await.unwrap();
    world.feed("e.shop_calm.in", numbers(40..1_000)).await;
    until("an empty edge", || async {
        world.transit("e.shop_calm.in").await == 0
    })
    .await;
    assert_eq!(endpoint.seen().len(), 1_000);
    assert_eq!(world.dead_letters("d.>").await, 0);
    // One at a time, each message would have been noted.
    let after = world.lease(&program.flow, &edge).await.unwrap();
    assert_eq!((after.epoch, after.under_way), (before.epoch, None));
}
