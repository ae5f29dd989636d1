//! What goes wrong is tried again, then written off with all that is known about it.

use std::time::Duration;

use serde_json::{Value, json};
use vrsky_plan::EdgeName;
use vrsky_plan::program::{Condition, Retries};
use vrsky_plan::report::{Cause, State};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, output, program, topic};
use crate::world::{World, header, until};

const QUICK: Retries = Retries {
    attempts: 3,
    first_ms: 10,
    max_ms: 20,
};

#[tokio::test]
async fn a_sink_that_refuses_is_tried_again_and_then_written_off() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 503).await;
    let program = program("retry").deliver("erp", "http", endpoint.with(), QUICK);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world.feed("e.shop_retry.in", numbers(7..8)).await;
    until("a dead letter", || async {
        world.dead_letters("d.shop_retry.erp").await == 1
    })
    .await;
    assert_eq!(endpoint.seen()["m7"], 3);
    let letter = world.read("d.shop_retry.erp").await.remove(0);
    assert_eq!(letter.payload.as_ref(), br#"{"n":7}"#);
    assert_eq!(header(&letter, "Vrsky-Message"), "m7");
    assert_eq!(header(&letter, "Vrsky-Flow"), "shop/retry");
    assert_eq!(
        header(&letter, "Vrsky-Generation"),
        format!("1/{}", program.hash)
    );
    assert_eq!(header(&letter, "Vrsky-Step"), "erp");
    assert_eq!(header(&letter, "Vrsky-Output"), "erp");
    assert_eq!(header(&letter, "Vrsky-Path"), "spec.sinks.erp");
    assert_eq!(header(&letter, "Vrsky-Attempts"), "3");
    assert_eq!(header(&letter, "Vrsky-Edge"), "e.shop_retry.in");
    assert_eq!(header(&letter, "Nats-TTL"), "600");
    assert!(header(&letter, "Vrsky-Error").contains("503"));
    assert!(header(&letter, "Vrsky-Time").ends_with('Z'));
    let metadata: Value = serde_json::from_str(&header(&letter, "Vrsky-Metadata")).unwrap();
    assert_eq!(metadata["id"], "m7");
    let report = world
        .report(&program.flow, |r| r.counters.dead_lettered == 1)
        .await;
    assert_eq!(report.counters.retried, 2);
    assert_eq!(report.last_error.unwrap().path, "spec.sinks.erp");
    until("an empty edge", || async {
        world.transit("e.shop_retry.in").await == 0
    })
    .await;
}

#[tokio::test]
async fn a_sink_that_comes_back_gets_everything_once() {
    let mut world = World::new().await;
    let endpoint =
        Endpoint::start(Duration::ZERO, |before| if before == 0 { 500 } else { 204 }).await;
    let patient = Retries {
        attempts: 5,
        ..QUICK
    };
    let program = program("back").deliver("erp", "http", endpoint.with(), patient);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world.feed("e.shop_back.in", numbers(0..50)).await;
    let report = world
        .report(&program.flow, |r| {
            r.counters.delivered.get("erp") == Some(&50)
        })
        .await;
    assert_eq!(
        (report.counters.retried, report.counters.dead_lettered),
        (50, 0)
    );
    assert!(endpoint.seen().values().all(|times| *times == 2));
}

#[tokio::test]
async fn a_long_pause_is_spent_on_a_lane() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 503).await;
    let slow = Retries {
        attempts: 3,
        first_ms: 3_600_000,
        max_ms: 3_600_000,
    };
    let program = program("lane").deliver("erp", "http", endpoint.with(), slow);
    world.put(program).await;
    let _runtime = world.runtime();
    world.feed("e.shop_lane.in", numbers(0..5)).await;
    until("all on lanes", || async {
        world.transit("e.shop_lane.*").await == 5 && world.transit("e.shop_lane.in").await == 0
    })
    .await;
    let waiting = [
        world.read("e.shop_lane.in-r10s").await,
        world.read("e.shop_lane.in-r1m").await,
        world.read("e.shop_lane.in-r10m").await,
    ]
    .concat();
    assert!(waiting.iter().all(|m| header(m, "Vrsky-Attempts") == "1"));
    assert!(waiting.iter().all(|m| header(m, "Vrsky-Output") == "erp"));
    assert!(
        waiting
            .iter()
            .all(|m| header(m, "Vrsky-Due").parse::<u64>().unwrap() > 0)
    );
}

#[tokio::test]
async fn what_is_due_on_a_lane_is_delivered() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 204).await;
    let program = program("due").deliver("erp", "http", endpoint.with(), QUICK);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Vrsky-Message", "late");
    headers.insert("Vrsky-Attempts", "2");
    headers.insert("Vrsky-Due", "1");
    headers.insert("Vrsky-Output", "erp");
    let stored =
        world
            .jetstream
            .publish_with_headers("e.shop_due.in-r1m", headers, r#"{"n":1}"#.into());
    stored.await.unwrap().await.unwrap();
    world.put(program).await;
    let _runtime = world.runtime();
    until("an empty lane", || async {
        world.transit("e.shop_due.*").await == 0
    })
    .await;
    assert_eq!(endpoint.seen()["late"], 1);
}

#[tokio::test]
async fn what_no_stage_can_read_goes_to_the_dead_letters_of_the_source() {
    let mut world = World::new().await;
    let program = program("poison").map("if .n == 0 { abort }").topic(
        "out",
        Condition::Always,
        &["e.shop_reader.in"],
    );
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let bad = [
        "not json",
        r#"{"n":"seven"}"#,
        "{}",
        r#"{"n":5}"#,
        r#"{"n":0}"#,
    ];
    let messages = bad
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("m{n}"), (*text).to_owned()));
    world.feed("e.shop_poison.in", messages).await;
    until("an empty edge", || async {
        world.transit("e.shop_poison.in").await == 0
    })
    .await;
    assert_eq!(world.transit("e.shop_reader.in").await, 1);
    let letters = world.read("d.shop_poison.source").await;
    let payloads: Vec<_> = letters.iter().map(|m| m.payload.as_ref()).collect();
    assert_eq!(
        payloads,
        bad[..3].iter().map(|t| t.as_bytes()).collect::<Vec<_>>()
    );
    assert!(
        letters
            .iter()
            .all(|m| header(m, "Vrsky-Path") == "spec.source.contract")
    );
    let aborted = world.read("d.shop_poison.map").await.remove(0);
    assert_eq!(aborted.payload.as_ref(), br#"{"n":0}"#);
    assert_eq!(header(&aborted, "Vrsky-Path"), "spec.steps[0].map");
}

#[tokio::test]
async fn the_error_branch_comes_before_the_dead_letters() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 422).await;
    let program = program("branch")
        .deliver("erp", "http", endpoint.with(), QUICK)
        .change(|program| {
            let edge = EdgeName::error("review").unwrap();
            let subject = program.flow.edge_subject(&edge);
            let first = program.stages.get_mut(&EdgeName::ingress()).unwrap();
            let mut stage = first.clone();
            first.on_error = [subject.clone()].into();
            stage.subject = subject;
            stage.input.check = false;
            stage.input.schema = json!(true).into();
            let review = topic("review", &["e.shop_review.in"]);
            stage.outputs = [(
                "review".to_owned(),
                output("review", Condition::Always, review),
            )]
            .into_iter()
            .collect();
            program.stages.insert(edge, stage);
        });
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world.feed("e.shop_branch.in", numbers(1..2)).await;
    until("a document", || async {
        world.transit("e.shop_review.in").await == 1
    })
    .await;
    let message = world.read("e.shop_review.in").await.remove(0);
    let document: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(document["payload"], json!({"n": 1}));
    assert_eq!(document["flow"], "shop/branch");
    assert_eq!(document["step"], "erp");
    assert_eq!(document["path"], "spec.sinks.erp");
    assert_eq!(document["attempts"], 1);
    assert_eq!(document["messageId"], "m1");
    let report = world
        .report(&program.flow, |r| r.counters.errored == 1)
        .await;
    assert_eq!(report.counters.dead_lettered, 0);
    assert_eq!(world.dead_letters("d.>").await, 0);
}

#[tokio::test]
async fn a_flow_whose_dead_letters_are_full_stops_and_loses_nothing() {
    let mut world = World::with_limits(1_000_000, 3).await;
    let program = program("full").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let bad = (0..10).map(|n| (format!("m{n}"), "no json".to_owned()));
    world.feed("e.shop_full.in", bad).await;
    let stuck = |state: &State| {
        matches!(
            state,
            State::Blocked {
                cause: Cause::DeadLetterFull,
                ..
            }
        )
    };
    world.report(&program.flow, |r| stuck(&r.state)).await;
    assert_eq!(world.dead_letters("d.>").await, 3);
    let letters = world.tenant.dead_letter_stream();
    let letters = world.jetstream.get_stream(letters.as_str()).await.unwrap();
    until("all ten", || async {
        letters.purge().await.unwrap();
        letters.get_info().await.unwrap().state.last_sequence == 10
    })
    .await;
    until("an empty edge", || async {
        world.transit("e.shop_full.in").await == 0
    })
    .await;
    world
        .report(&program.flow, |r| {
            r.state == State::Running && r.counters.dead_lettered == 10
        })
        .await;
}
