//! Grants: what is shared arrives, and nothing else.

use std::time::Duration;

use vrsky_broker::{Server, ServerConfig, Verb};
use vrsky_plan::grant::Revocation;

use crate::plans::{Plans, id};
use crate::support::{SOON, World, eventually};

const INTO: &str = "e.globex_fulfil.in";

pub(crate) fn granted(mode: Revocation) -> Plans {
    Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("acme", "shop", &["x.orders"])
        .grant("acme", "globex", "fulfil", mode)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_publishes_arrives_at_the_reader_in_order() {
    let world = World::with(&granted(Revocation::Drain).0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    let sent: Vec<String> = (0..2000).map(|n| format!("order {n}")).collect();
    let mut acks = Vec::new();
    for order in &sent {
        let ack = acme.context.publish("x.orders", order.clone().into()).await;
        acks.push(ack.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
    assert_eq!(edge.take(2000, SOON).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_the_grant_does_not_arrive() {
    let plans = granted(Revocation::Drain).revoked("globex");
    let mut world = World::with(&plans.0).await;
    let acme = world.runtime("acme").await;
    acme.publish("x.orders", "before").await.unwrap();
    world.apply(&granted(Revocation::Drain).0).await;
    acme.publish("x.orders", "after").await.unwrap();
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    assert_eq!(edge.take(1, SOON).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_topic_of_the_owner_does_not_arrive() {
    let world = World::with(&granted(Revocation::Drain).0).await;
    let acme = world.runtime("acme").await;
    acme.publish("x.salaries", "private").await.unwrap();
    acme.publish("x.orders", "shared").await.unwrap();
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", "e.>").await;
    assert_eq!(edge.take(2, Duration::from_secs(1)).await, ["shared"]);
}

/// What the reader gets of 1000 messages when the server goes away in the middle of them. The reader
/// has removed what it finished, as runtimes do, so its stream alone does not tell where it was.
async fn across_a_restart(graceful: bool) -> Vec<String> {
    let mut world = World::with(&granted(Revocation::Drain).0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    for n in 0..500 {
        acme.publish("x.orders", &n.to_string()).await.unwrap();
    }
    let mut got = edge.take(500, SOON).await;
    let purge = format!("STREAM.PURGE.{}", id("globex").transit_stream());
    globex
        .api(&purge, serde_json::json!({"filter": INTO}))
        .await
        .unwrap();
    let port = world.server.port();
    if graceful {
        world.server.stop().await;
    } else {
        world.server.kill();
    }
    let config = ServerConfig {
        port: Some(port),
        ..ServerConfig::local(world.folder.path().join("nats"))
    };
    world.server = Server::start(&config, &world.keys).await.unwrap();
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    for n in 500..1000 {
        acme.publish("x.orders", &n.to_string()).await.unwrap();
    }
    while got.last().is_none_or(|last| last != "999") {
        let next = edge.take(1, SOON).await;
        assert!(!next.is_empty(), "the source goes on; so far {}", got.len());
        got.extend(next);
        got.extend(edge.take(1000, Duration::from_millis(300)).await);
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_loses_and_doubles_nothing_on_its_way_to_a_reader() {
    let sent: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    assert!(Box::pin(across_a_restart(true)).await == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_on_its_way_to_a_reader() {
    let got = Box::pin(across_a_restart(false)).await;
    let all: std::collections::BTreeSet<&String> = got.iter().collect();
    assert_eq!(all.len(), 1000, "none lost, none that nobody sent");
    // What the owner's consumer had not yet noted as acknowledged comes twice, in order.
    let again = got.len() - 1000;
    let sent: Vec<String> = (0..500)
        .chain(500 - again..1000)
        .map(|n| n.to_string())
        .collect();
    assert!(got == sent, "{again} came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stalled_reader_does_not_stop_another_and_goes_on_in_order() {
    let cap = 600;
    let plans = granted(Revocation::Drain)
        .grant("acme", "globex", "stalled", Revocation::Drain)
        .change("globex", |tenant| {
            for stream in &mut tenant.streams {
                stream.max_messages_per_subject = cap;
            }
        });
    let world = World::with(&plans.0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let purge = format!("STREAM.PURGE.{}", id("globex").transit_stream());
    let busy = globex.edge("globex", INTO).await;
    let stalled = globex.edge("globex", "e.globex_stalled.in").await;
    let sent: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let mut arrived = Vec::new();
    for batch in sent.chunks(100) {
        for order in batch {
            acme.publish("x.orders", order).await.unwrap();
        }
        arrived.extend(busy.take(100, SOON).await);
        globex
            .api(&purge, serde_json::json!({"filter": INTO}))
            .await
            .unwrap();
    }
    assert_eq!(arrived, sent);
    let mut late = stalled.take(1000, Duration::from_secs(1)).await;
    assert!(late.len() < 1000, "the stalled edge was really full");
    while late.len() < 1000 {
        // No further than what was taken: what has come since, or was not delivered yet, stays.
        let taken = stalled.consumer.get_info().await.unwrap();
        let taken = taken.ack_floor.stream_sequence;
        let taken = serde_json::json!({"filter": "e.globex_stalled.in", "seq": taken + 1});
        globex.api(&purge, taken).await.unwrap();
        let more = stalled.take(1000, SOON).await;
        assert!(
            !more.is_empty(),
            "it goes on once there is room; so far {}",
            late.len()
        );
        late.extend(more);
    }
    assert_eq!(late, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_a_crash_left_or_took_is_put_right() {
    let plans = granted(Revocation::Drain);
    let mut world = World::with(&plans.0).await;
    let admin = world.admin("acme").await;
    let shared = id("acme").shared_stream();
    admin
        .api(
            &format!("CONSUMER.CREATE.{shared}.gstray.x.orders"),
            serde_json::json!({"stream_name": shared, "action": "create", "config": {
                "name": "gstray", "durable_name": "gstray", "filter_subject": "x.orders",
                "ack_policy": "explicit",
            }}),
        )
        .await
        .unwrap();
    admin
        .api(
            &format!("CONSUMER.DELETE.{shared}.gacmeglobex-fulfil"),
            serde_json::json!({}),
        )
        .await
        .unwrap();
    let applied = world.apply(&plans.0).await;
    let done: Vec<(Verb, &str)> = applied
        .actions
        .iter()
        .map(|action| (action.verb, action.object.as_str()))
        .collect();
    assert_eq!(
        done,
        [
            (Verb::DeleteConsumer, "gstray"),
            (Verb::CreateConsumer, "gacmeglobex-fulfil")
        ]
    );
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    acme.publish("x.orders", "again").await.unwrap();
    assert!(
        eventually(|| async { !edge.take(1, Duration::from_millis(50)).await.is_empty() }).await,
        "the source finds its consumer again"
    );
}
