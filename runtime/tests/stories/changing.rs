//! Programs change while messages pass.

use std::time::Duration;

use serde_json::json;
use vrsky_plan::program::{Condition, Decode, Retries, Source};
use vrsky_plan::report::State;
use vrsky_plan::{EdgeName, FlowId, platform};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program, topic, when};
use crate::world::{World, until};

#[tokio::test]
async fn a_program_changed_under_load_loses_nothing_and_keeps_its_edge() {
    let mut world = World::new().await;
    let version = |n: u64| {
        program("swap")
            .map(&format!(". = {{\"n\": .n, \"version\": {n}}}"))
            .topic("out", Condition::Always, &["e.shop_reader.in"])
    };
    world.put(version(0)).await;
    let _runtime = world.runtime();
    world.running(&version(0)).await;
    for n in 1..=10 {
        world
            .feed("e.shop_swap.in", numbers((n - 1) * 1_000..n * 1_000))
            .await;
        world.put(version(n)).await;
    }
    world.running(&version(10)).await;
    world.feed("e.shop_swap.in", numbers(10_000..10_001)).await;
    until("an empty edge", || async {
        world.transit("e.shop_swap.in").await == 0
    })
    .await;
    let (ids, copies) = world.ids("e.shop_reader.in").await;
    assert_eq!((ids.len(), copies), (10_001, 10_001));
    let last = world.read("e.shop_reader.in").await.pop().unwrap();
    assert_eq!(last.payload.as_ref(), br#"{"n":10000,"version":10}"#);
    let lease = world
        .lease(&version(0).flow, &EdgeName::ingress())
        .await
        .unwrap();
    assert_eq!(lease.epoch, 1);
}

#[tokio::test]
async fn a_sink_that_is_removed_gets_what_was_on_its_way() {
    let mut world = World::new().await;
    let with = program("less")
        .sink_edge(
            "audit",
            Condition::Always,
            topic("audit", &["e.shop_audit.in"]),
        )
        .topic("out", Condition::Always, &["e.shop_reader.in"]);
    let without = program("less").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(with.clone()).await;
    let _runtime = world.runtime();
    world.running(&with).await;
    world.feed("e.shop_less.in", numbers(0..2_000)).await;
    world.put(without).await;
    until("all at the reader", || async {
        world.transit("e.shop_reader.in").await == 2_000
    })
    .await;
    until("an empty sink edge", || async {
        world.transit("e.shop_less.sink-audit").await == 0
    })
    .await;
    let audit = EdgeName::sink("audit").unwrap();
    until("a released lease", || async {
        world
            .lease(&with.flow, &audit)
            .await
            .is_some_and(|lease| lease.released)
    })
    .await;
}

#[tokio::test]
async fn a_suspended_flow_reads_nothing_and_goes_on_later() {
    let mut world = World::new().await;
    let running = program("rest").topic("out", Condition::Always, &["e.shop_reader.in"]);
    let suspended = running.clone().change(|program| program.suspended = true);
    world.put(suspended).await;
    let _runtime = world.runtime();
    world
        .report(&running.flow, |r| r.state == State::Suspended)
        .await;
    world.feed("e.shop_rest.in", numbers(0..100)).await;
    assert!(
        world
            .lease(&running.flow, &EdgeName::ingress())
            .await
            .is_none()
    );
    assert_eq!(world.transit("e.shop_rest.in").await, 100);
    world.put(running).await;
    until("all at the reader", || async {
        world.transit("e.shop_reader.in").await == 100
    })
    .await;
}

#[tokio::test]
async fn a_removed_flow_stops_and_another_goes_on() {
    let mut world = World::new().await;
    let gone = program("gone").topic("out", Condition::Always, &["e.shop_reader.in"]);
    let stays = program("stays").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(gone.clone()).await;
    world.put(stays.clone()).await;
    let _runtime = world.runtime();
    world.running(&stays).await;
    let edge = EdgeName::ingress();
    until("a lease", || async {
        world.lease(&gone.flow, &edge).await.is_some()
    })
    .await;
    world.remove(&gone.flow).await;
    until("a released lease", || async {
        world
            .lease(&gone.flow, &edge)
            .await
            .is_some_and(|lease| lease.released)
    })
    .await;
    world.feed("e.shop_stays.in", numbers(0..100)).await;
    until("all at the reader", || async {
        world.transit("e.shop_reader.in").await == 100
    })
    .await;
}

#[tokio::test]
async fn a_program_of_another_version_is_shown_and_disturbs_no_other() {
    let mut world = World::new().await;
    let other = program("other").topic("out", Condition::Always, &["e.shop_reader.in"]);
    let newer = program("newer").change(|program| program.version = 99);
    world.put(newer.clone()).await;
    world.put(other.clone()).await;
    let _runtime = world.runtime();
    world.running(&other).await;
    let report = world
        .report(&newer.flow, |r| *r.program == *newer.hash)
        .await;
    assert!(matches!(report.state, State::Blocked { reason, .. } if reason.contains("version 99")));
}

#[tokio::test]
async fn a_missing_secret_blocks_its_flow_until_it_comes() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 204).await;
    let mut with = endpoint.with();
    with["bearer"] = json!({"secretRef": {"name": "erp", "key": "token"}});
    let retries = Retries {
        attempts: 2,
        first_ms: 10,
        max_ms: 10,
    };
    let program = program("secret").deliver("erp", "http", with, retries);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world
        .report(&program.flow, |r| matches!(r.state, State::Blocked { .. }))
        .await;
    let folder = world.path().join("secrets/shop/erp");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), "hush").unwrap();
    world.running(&program).await;
    world.feed("e.shop_secret.in", numbers(0..10)).await;
    until("all delivered", || async { endpoint.seen().len() == 10 }).await;
}

#[tokio::test]
async fn a_full_reader_pushes_back_to_the_source_and_loses_nothing() {
    let mut world = World::with_limits(50, 1_000).await;
    let program = program("push")
        .topic("out", Condition::Always, &["e.shop_reader.in"])
        .change(|program| {
            program.source = Source::Connector {
                builtin: "generate".into(),
                with: json!({"every": "2ms", "count": 300, "payload": {"n": 1}}).into(),
                decode: Decode::Json,
            };
        });
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world
        .report(&program.flow, |r| r.counters.refused > 0)
        .await;
    assert_eq!(world.transit("e.shop_reader.in").await, 50);
    let mut taken = std::collections::BTreeSet::new();
    while taken.len() < 300 {
        let messages = world.read("e.shop_reader.in").await;
        for message in &messages {
            let payload: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            taken.insert(payload["sequence"].as_u64().unwrap());
        }
        if let Some(last) = messages.last() {
            world.purge("e.shop_reader.in", last).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(taken, (1..=300).collect());
}

#[tokio::test]
async fn a_slow_sink_holds_up_no_other_flow() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::from_secs(3), |_| 204).await;
    let retries = Retries {
        attempts: 3,
        first_ms: 10,
        max_ms: 10,
    };
    world
        .put(program("slow").deliver("erp", "http", endpoint.with(), retries))
        .await;
    let quick = program("quick").topic("out", when(".n >= 0"), &["e.shop_reader.in"]);
    world.put(quick).await;
    let _runtime = world.runtime();
    world.feed("e.shop_slow.in", numbers(0..5_000)).await;
    world.feed("e.shop_quick.in", numbers(0..5_000)).await;
    until("all of the quick one", || async {
        world.transit("e.shop_reader.in").await == 5_000
    })
    .await;
    assert!(
        world.transit("e.shop_slow.in").await > 4_000,
        "the slow one was not slow"
    );
}

#[tokio::test]
async fn an_unknown_index_key_is_no_program() {
    let mut world = World::new().await;
    let flow = FlowId::new("shop", "stray").unwrap();
    world
        .write(&platform::program_key(&world.tenant, &flow), b"{}".to_vec())
        .await;
    let known = program("known").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(known.clone()).await;
    let _runtime = world.runtime();
    world.running(&known).await;
    assert!(world.reports(&flow).await.is_empty());
}
