//! Several processes read one flow side by side: each its partitions, and those of who dies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vrsky_plan::program::{Condition, Retries, Target};
use vrsky_plan::{EdgeName, Program, Subject};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program};
use crate::world::{World, until};

const PARTITIONS: u32 = 4;
const RETRIES: Retries = Retries {
    attempts: 3,
    first_ms: 10,
    max_ms: 10,
};

/// Publishes to a reader with partitions.
fn first(reader: &str) -> Program {
    let reader = Subject::new(reader).unwrap();
    let target = Target::Topic {
        topic: "numbers".to_owned(),
        contract: serde_json::json!({"type": "object"}).into(),
        publish: vec![reader.clone()],
        partitions: BTreeMap::from([(reader, PARTITIONS)]),
    };
    program("first").output("out", Condition::Always, target)
}

/// Delivers, from an edge of the sink's own.
fn reader(endpoint: &Endpoint, partitions: u32) -> Program {
    let deliver = Target::Deliver {
        builtin: "http".into(),
        with: endpoint.with().into(),
        retries: RETRIES,
    };
    program("reader")
        .sink_edge("erp", Condition::Always, deliver)
        .change(|program| program.partitions = partitions)
}

fn edges() -> impl Iterator<Item = EdgeName> {
    [EdgeName::ingress(), EdgeName::sink("erp").unwrap()]
        .into_iter()
        .flat_map(|edge| (0..PARTITIONS).map(move |number| edge.partition(number)))
}

/// How many partitions each process owns, all edges together. Sorted.
async fn shares(world: &World, program: &Program) -> Vec<usize> {
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for edge in edges() {
        let lease = world.lease(&program.flow, &edge).await;
        if let Some(lease) = lease.filter(|lease| !lease.released) {
            *shares.entry(lease.process).or_default() += 1;
        }
    }
    let mut shares: Vec<usize> = shares.into_values().collect();
    shares.sort_unstable();
    shares
}

async fn until_shared(world: &World, program: &Program, expected: &[usize]) {
    until(&format!("shares of {expected:?}"), || async {
        shares(world, program).await == expected
    })
    .await;
}

fn ids(count: u64) -> BTreeSet<String> {
    numbers(0..count).map(|(id, _)| id).collect()
}

#[tokio::test]
async fn processes_come_die_and_go_and_every_partition_is_read() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(2), |_| 204).await;
    let reader = reader(&endpoint, PARTITIONS);
    world.put(first("e.shop_reader.in")).await;
    world.put(reader.clone()).await;
    let mut runtimes = vec![world.runtime()];
    until_shared(&world, &reader, &[8]).await;
    world.feed("e.shop_first.in", numbers(0..2_000)).await;
    until("some", || async { endpoint.seen().len() > 100 }).await;

    // Others come while messages pass.
    runtimes.push(world.runtime());
    runtimes.push(world.runtime());
    until_shared(&world, &reader, &[2, 2, 4]).await;
    world.feed("e.shop_first.in", numbers(2_000..4_000)).await;
    until("more", || async { endpoint.seen().len() > 2_200 }).await;

    // One dies, in the middle of it.
    runtimes.remove(0).kill();
    until_shared(&world, &reader, &[4, 4]).await;
    world.feed("e.shop_first.in", numbers(4_000..6_000)).await;

    // One goes in good order, and two come: more than before, each with its part.
    assert_eq!(runtimes.remove(0).terminate().await, Some(0));
    until_shared(&world, &reader, &[8]).await;
    for _ in 0..4 {
        runtimes.push(world.runtime());
    }
    // Of five processes one has no seat, and reads nothing.
    until_shared(&world, &reader, &[2, 2, 2, 2]).await;
    world.feed("e.shop_first.in", numbers(6_000..8_000)).await;
    until("empty edges", || async {
        world.transit("e.shop_first.>").await + world.transit("e.shop_reader.>").await == 0
    })
    .await;
    assert_eq!(
        endpoint.seen().into_keys().collect::<BTreeSet<_>>(),
        ids(8_000)
    );
    assert_eq!(world.dead_letters("d.>").await, 0);
}

#[tokio::test]
async fn partitions_that_are_no_more_are_read_to_the_end() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_millis(1), |_| 204).await;
    let before = reader(&endpoint, PARTITIONS);
    world.put(first("e.shop_reader.in")).await;
    world.put(before.clone()).await;
    let runtime = world.runtime();
    until_shared(&world, &before, &[8]).await;
    // In place, under load: more partitions lay than are left.
    world.feed("e.shop_first.in", numbers(0..3_000)).await;
    until("some", || async { endpoint.seen().len() > 100 }).await;
    let after = reader(&endpoint, 1);
    world.put(after.clone()).await;
    world.running(&after).await;
    // Who publishes does not know yet, and the process ends.
    world.feed("e.shop_first.in", numbers(3_000..4_000)).await;
    until("more", || async { endpoint.seen().len() > 1_000 }).await;
    runtime.kill();
    world
        .feed("e.shop_reader.in_3", numbers(4_000..4_100))
        .await;
    let _runtime = world.runtime();
    until("empty edges", || async {
        world.transit("e.shop_first.>").await + world.transit("e.shop_reader.>").await == 0
    })
    .await;
    assert_eq!(
        endpoint.seen().into_keys().collect::<BTreeSet<_>>(),
        ids(4_100)
    );
    assert_eq!(world.dead_letters("d.>").await, 0);
}
