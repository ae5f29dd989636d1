//! Streams and edges, trap by trap: what the runtime relies on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures_util::StreamExt;
use serde_json::json;
use vrsky_broker::Broker;
use vrsky_broker::waiting::Waiting;

use crate::plans::{Plans, id};
use crate::support::{SOON, Spied, World, eventually};

const EDGE: &str = "e.acme_shop.in";

async fn world(cap: i64) -> World {
    let plans = Plans::new()
        .tenant("acme")
        .flow("acme", "shop", &[])
        .change("acme", |tenant| {
            for stream in &mut tenant.streams {
                stream.max_messages_per_subject = cap;
            }
        });
    World::with(&plans.0).await
}

async fn publish_with(
    client: &Spied,
    subject: &str,
    headers: &[(&str, &str)],
    payload: &str,
) -> Result<bool, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let sent = client
        .context
        .publish_with_headers(subject.to_owned(), map, payload.to_owned().into())
        .await
        .map_err(|error| error.to_string())?;
    sent.await
        .map(|ack| ack.duplicate)
        .map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_tells_what_waits_for_each_flow_on_any_of_its_edges() {
    let world = world(10).await;
    let broker = Broker::connect(world.server.url(), &world.keys).await;
    let broker = Arc::new(broker.unwrap());
    // Who has no keys cannot be asked.
    let tenants = BTreeSet::from([id("acme"), id("nobody")]);
    let ask = || broker.waiting(&world.keys, tenants.clone());
    let told = |flows: &[(&str, u64)]| {
        let flows = flows.iter().map(|(flow, left)| ((*flow).to_owned(), *left));
        BTreeMap::from([(id("acme"), flows.collect::<Waiting>())])
    };
    assert_eq!(ask().await, told(&[]));
    let runtime = world.runtime("acme").await;
    for subject in [EDGE, EDGE, "e.acme_shop.in-r10m", "e.acme_other.in"] {
        runtime.publish(subject, "{}").await.unwrap();
    }
    assert_eq!(ask().await, told(&[("acme_shop", 3), ("acme_other", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_edge_refuses_and_its_publisher_sees_why_while_others_go_on() {
    let world = world(10).await;
    let runtime = world.runtime("acme").await;
    for n in 0..10 {
        runtime.publish(EDGE, &n.to_string()).await.unwrap();
    }
    let refused = runtime.publish(EDGE, "11th").await.unwrap_err();
    assert!(
        refused.contains("maximum messages per subject"),
        "{refused}"
    );
    runtime.publish("e.acme_other.in", "free").await.unwrap();
    let purge = format!("STREAM.PURGE.{}", id("acme").transit_stream());
    runtime
        .api(&purge, json!({"filter": EDGE, "seq": 2}))
        .await
        .unwrap();
    runtime.publish(EDGE, "room again").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_reads_yet_is_kept() {
    let world = world(100).await;
    let runtime = world.runtime("acme").await;
    runtime.publish(EDGE, "early").await.unwrap();
    let edge = runtime.edge("acme", EDGE).await;
    assert_eq!(edge.take(1, SOON).await, ["early"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_swallowed_on_the_second_hop_unless_it_names_the_edge() {
    let world = world(100).await;
    let runtime = world.runtime("acme").await;
    let next = "e.acme_shop.sink-db";
    let plain = [("Nats-Msg-Id", "m1")];
    assert_eq!(publish_with(&runtime, EDGE, &plain, "m").await, Ok(false));
    assert_eq!(
        publish_with(&runtime, next, &plain, "m").await,
        Ok(true),
        "the trap"
    );
    let hop = [("Nats-Msg-Id", "m1/sink-db")];
    assert_eq!(publish_with(&runtime, next, &hop, "m").await, Ok(false));
    assert_eq!(
        publish_with(&runtime, next, &hop, "m").await,
        Ok(true),
        "a repetition"
    );
    let retry = [("Nats-Msg-Id", "m1/sink-db/2")];
    assert_eq!(publish_with(&runtime, next, &retry, "m").await, Ok(false));
    let edge = runtime.edge("acme", next).await;
    assert_eq!(edge.take(3, Duration::from_millis(300)).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_goes_when_its_time_is_over_and_others_stay() {
    let world = world(100).await;
    let runtime = world.runtime("acme").await;
    let short = [("Nats-TTL", "1s")];
    let long = [("Nats-TTL", "1h")];
    publish_with(&runtime, "d.acme_shop.map", &short, "short")
        .await
        .unwrap();
    publish_with(&runtime, "d.acme_shop.map", &long, "long")
        .await
        .unwrap();
    let support = world.client("acme", "support").await;
    let tenant = id("acme");
    let letters = || async {
        let list = vrsky_broker::dead_letters::list(&support.client, &tenant, None, 10);
        list.await.unwrap().len()
    };
    assert_eq!(letters().await, 2);
    assert!(eventually(|| async { letters().await == 1 }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_pinned_to_the_edges_and_makes_none_elsewhere() {
    let world = world(100).await;
    let runtime = world.runtime("acme").await;
    let transit = id("acme").transit_stream();
    let create = |subject: String, filter: &str| {
        let body = json!({"stream_name": transit, "action": "create", "config": {
            "name": "c1", "ack_policy": "all", "mem_storage": true, "num_replicas": 1,
            "filter_subject": filter,
        }});
        let runtime = runtime.clone();
        async move { runtime.api(&subject, body).await }
    };
    let pinned = format!("CONSUMER.CREATE.{transit}.c1.{EDGE}");
    assert!(
        create(pinned.clone(), "e.acme_other.in").await.is_err(),
        "another filter"
    );
    assert!(create(pinned, EDGE).await.is_ok());
    let dead = id("acme").dead_letter_stream();
    let elsewhere = format!("CONSUMER.CREATE.{dead}.c1.d.>");
    assert!(create(elsewhere, "d.>").await.is_err());
    assert!(runtime.denied(dead.as_str()).await);
}

/// The take-over of an edge: each owner has a consumer of its own epoch, acknowledges all at once,
/// and removes only what it has finished. The old owner dies with messages in hand, some of them
/// acknowledged to a consumer that no longer counts.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_owners_that_die_with_messages_in_hand_lose_none() {
    let world = world(100_000).await;
    let runtime = world.runtime("acme").await;
    let sent: BTreeSet<String> = (0..2000).map(|n| n.to_string()).collect();
    for n in 0..2000 {
        let ack = runtime
            .context
            .publish(EDGE, n.to_string().into())
            .await
            .unwrap();
        drop(ack);
    }
    let transit = id("acme").transit_stream();
    let stored = eventually(|| async {
        let edge = runtime.edge("acme", EDGE).await;
        edge.consumer.cached_info().num_pending == 2000
    });
    assert!(stored.await);
    let mut finished = BTreeSet::new();
    let mut duplicates = 0;
    for epoch in 1..=20 {
        let owner = owner(&runtime, transit.as_str(), epoch).await;
        let mut batch = owner.fetch().max_messages(200).messages().await.unwrap();
        let mut taken = Vec::new();
        while let Some(message) = batch.next().await {
            taken.push(message.unwrap());
        }
        // It finishes and removes half, acknowledges all of it late or not at all, and dies.
        let half = taken.len() / 2;
        for message in &taken[..taken.len() - 10] {
            let text = String::from_utf8(message.payload.to_vec()).unwrap();
            duplicates += usize::from(!finished.insert(text));
        }
        let floor = taken[half].info().unwrap().stream_sequence;
        let purge = format!("STREAM.PURGE.{transit}");
        runtime
            .api(&purge, json!({"filter": EDGE, "seq": floor}))
            .await
            .unwrap();
        if epoch % 2 == 0 {
            taken.last().unwrap().ack().await.unwrap();
        }
    }
    let last = owner(&runtime, transit.as_str(), 21).await;
    loop {
        let mut batch = last.fetch().max_messages(500).messages().await.unwrap();
        let mut got = 0;
        while let Some(message) = batch.next().await {
            let message = message.unwrap();
            message.ack().await.unwrap();
            let text = String::from_utf8(message.payload.to_vec()).unwrap();
            duplicates += usize::from(!finished.insert(text));
            got += 1;
        }
        if got == 0 {
            break;
        }
    }
    assert_eq!(finished, sent, "none lost, none that nobody sent");
    assert!(duplicates > 0, "there was something to lose");
}

async fn owner(
    runtime: &Spied,
    stream: &str,
    epoch: u32,
) -> async_nats::jetstream::consumer::Consumer<pull::Config> {
    let stream = runtime.context.get_stream_no_info(stream).await.unwrap();
    let config = pull::Config {
        name: Some(format!("acme_shop_in-{epoch}")),
        filter_subject: EDGE.to_owned(),
        ack_policy: AckPolicy::All,
        max_ack_pending: 5000,
        memory_storage: true,
        num_replicas: 1,
        ..Default::default()
    };
    let made = stream.create_consumer(config).await.unwrap();
    // Unanswered or gone already: both are fine.
    let _ = stream
        .delete_consumer(&format!("acme_shop_in-{}", epoch - 1))
        .await;
    made
}
