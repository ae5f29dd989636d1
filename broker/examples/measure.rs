//! Measures what the broker's design rests on, on the nats-server of this machine:
//! `cargo run -p vrsky-broker --example measure`. Prints one line a figure.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    dead_code
)]

#[path = "../tests/broker/plans.rs"]
mod plans;
#[path = "../tests/broker/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures_util::StreamExt;
use plans::{Plans, flow, id};
use serde_json::json;
use support::{SOON, Spied, World, eventually};
use vrsky_broker::{Server, ServerConfig};
use vrsky_plan::grant::Revocation;
use vrsky_plan::{EdgeName, platform};

const EDGE: &str = "e.acme_shop.in";
const INTO: &str = "e.globex_fulfil.in";

#[tokio::main]
async fn main() {
    Box::pin(take_over()).await;
    purge_against_publish().await;
    full_stream().await;
    for idle in [0, 1, 3] {
        Box::pin(repeats_after_kill(Duration::from_secs(idle))).await;
    }
    push_of_the_owner().await;
    revocations().await;
}

fn granted() -> Plans {
    Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("acme", "shop", &["x.orders"])
        .grant("acme", "globex", "fulfil", Revocation::Drain)
}

fn describe(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{what}: n {}, p50 {:?}, p99 {:?}, max {:?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn set_lease(owner: &Spied, key: &str, expected: u64) -> Option<u64> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", expected.to_string());
    let subject = platform::key_subject(platform::LEASES, key);
    let sent = owner
        .context
        .publish_with_headers(subject, headers, "{}".into())
        .await;
    sent.ok()?.await.ok().map(|ack| ack.sequence)
}

/// 200 owners, one after the other, each with a lease of its own; the one before is not told, and
/// has an outstanding pull and unacknowledged messages.
async fn take_over() {
    let world = World::with(&Plans::new().tenant("acme").flow("acme", "shop", &[]).0).await;
    let publisher = world.runtime("acme").await;
    let sent = 40_000u32;
    for chunk in (0..sent).collect::<Vec<_>>().chunks(500) {
        let mut acks = Vec::new();
        for n in chunk {
            acks.push(
                publisher
                    .context
                    .publish(EDGE, n.to_string().into())
                    .await
                    .unwrap(),
            );
        }
        for ack in acks {
            ack.await.unwrap();
        }
    }
    let transit = id("acme").transit_stream().to_string();
    let key = platform::lease_key(&id("acme"), &flow("acme", "shop"), &EdgeName::ingress());
    let (mut revision, mut times) = (0, Vec::new());
    let mut finished: BTreeSet<String> = BTreeSet::new();
    let (mut twice, mut stale) = (0, 0);
    let mut before: Option<(Spied, u64)> = None;
    for epoch in 1..=200 {
        let owner = world.runtime("acme").await;
        let start = Instant::now();
        revision = set_lease(&owner, &key, revision).await.unwrap();
        let stream = owner.context.get_stream_no_info(&transit).await.unwrap();
        let consumer = stream
            .create_consumer(pull::Config {
                name: Some(format!("acme_shop_in-{epoch}")),
                filter_subject: EDGE.to_owned(),
                ack_policy: AckPolicy::All,
                max_ack_pending: 5000,
                memory_storage: true,
                num_replicas: 1,
                ..Default::default()
            })
            .await
            .unwrap();
        let old = format!("acme_shop_in-{}", epoch - 1);
        let _ = stream.delete_consumer(&old).await;
        let mut batch = consumer.fetch().max_messages(300).messages().await.unwrap();
        let mut taken = Vec::new();
        while let Some(message) = batch.next().await {
            if taken.is_empty() {
                times.push(start.elapsed());
            }
            taken.push(message.unwrap());
        }
        for message in &taken {
            let text = String::from_utf8(message.payload.to_vec()).unwrap();
            twice += usize::from(!finished.insert(text));
        }
        if let Some((old, revision)) = before.take() {
            stale += usize::from(set_lease(&old, &key, revision).await.is_some());
        }
        if let Some(message) = taken.get(taken.len() * 2 / 3) {
            let floor = message.info().unwrap().stream_sequence;
            let purge = format!("STREAM.PURGE.{transit}");
            owner
                .api(&purge, json!({"filter": EDGE, "seq": floor}))
                .await
                .unwrap();
        }
        before = Some((owner, revision));
    }
    let admin = world.admin("acme").await;
    let info = admin
        .api(&format!("STREAM.INFO.{transit}"), json!({}))
        .await
        .unwrap();
    let left = info["state"]["messages"].as_u64().unwrap();
    let lowest = finished
        .iter()
        .map(|text| text.parse::<u64>().unwrap())
        .max()
        .unwrap();
    let lost = lowest + 1 - finished.len() as u64;
    describe("take-over: lease, consumer, first message", times);
    println!(
        "take-over: finished {}, twice {twice}, left {left}, lost {lost}, stale owners that kept a lease {stale}",
        finished.len()
    );
}

/// Latency of awaited publishes to one edge, with and without another edge being filled and purged.
async fn purge_against_publish() {
    let plans = Plans::new().tenant("acme").flow("acme", "shop", &[]);
    let world = World::with(&plans.0).await;
    let runtime = world.runtime("acme").await;
    let transit = id("acme").transit_stream().to_string();
    for purging in [false, true] {
        let noisy = world.runtime("acme").await;
        let (transit, stop) = (
            transit.clone(),
            std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)),
        );
        let until = stop.clone();
        let task = tokio::spawn(async move {
            let mut purges = Vec::new();
            while !until.load(std::sync::atomic::Ordering::SeqCst) {
                let mut acks = Vec::new();
                for _ in 0..500 {
                    let ack = noisy
                        .context
                        .publish("e.acme_noise.in", "x".repeat(300).into());
                    acks.push(ack.await.unwrap());
                }
                let mut last = 0;
                for ack in acks {
                    last = ack.await.unwrap().sequence;
                }
                if purging {
                    let start = Instant::now();
                    let purge = format!("STREAM.PURGE.{transit}");
                    let body = json!({"filter": "e.acme_noise.in", "seq": last});
                    noisy.api(&purge, body).await.unwrap();
                    purges.push(start.elapsed());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            purges
        });
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(8) {
            let one = Instant::now();
            runtime.publish(EDGE, &"x".repeat(300)).await.unwrap();
            times.push(one.elapsed());
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let purges = task.await.unwrap();
        describe(
            if purging {
                "publish while another edge is purged"
            } else {
                "publish beside a busy edge"
            },
            times,
        );
        if purging {
            describe("purge of 500 finished messages", purges);
        }
    }
}

/// A source into an edge that is full: it stops, nothing is lost, and it goes on.
async fn full_stream() {
    let plans = granted().change("globex", |tenant| {
        for stream in &mut tenant.streams {
            stream.max_messages_per_subject = 500;
        }
    });
    let world = World::with(&plans.0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    for n in 0..1000 {
        acme.publish("x.orders", &n.to_string()).await.unwrap();
    }
    let edge = globex.edge("globex", INTO).await;
    let mut got = edge.take(1000, Duration::from_secs(2)).await;
    let purge = format!("STREAM.PURGE.{}", id("globex").transit_stream());
    let start = Instant::now();
    globex.api(&purge, json!({"filter": INTO})).await.unwrap();
    while got.len() < 1000 {
        got.extend(edge.take(1000 - got.len(), SOON * 6).await);
    }
    let ordered = got
        .iter()
        .enumerate()
        .all(|(n, text)| *text == n.to_string());
    println!(
        "source into a full edge: the rest came {:?} after there was room, in order: {ordered}",
        start.elapsed()
    );
}

/// Messages that a reader gets twice when the server is killed `idle` after the last one.
async fn repeats_after_kill(idle: Duration) {
    let mut world = World::with(&granted().0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    for n in 0..2000 {
        acme.publish("x.orders", &n.to_string()).await.unwrap();
    }
    let first = edge.take(2000, SOON).await.len();
    let purge = format!("STREAM.PURGE.{}", id("globex").transit_stream());
    globex.api(&purge, json!({"filter": INTO})).await.unwrap();
    tokio::time::sleep(idle).await;
    let config = ServerConfig {
        port: Some(world.server.port()),
        ..ServerConfig::local(world.folder.path().join("nats"))
    };
    world.server.kill();
    let start = Instant::now();
    world.server = Server::start(&config, &world.keys).await.unwrap();
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    acme.publish("x.orders", "end").await.unwrap();
    let mut again = Vec::new();
    while again.last().is_none_or(|text| text != "end") {
        again.extend(edge.take(1, SOON).await);
    }
    println!(
        "server killed {idle:?} after the last of {first}: {} came twice, back after {:?}",
        again.len() - 1,
        start.elapsed()
    );
}

/// What a push of the owner's account does to a reader: the longest silence.
async fn push_of_the_owner() {
    let mut world = World::with(&granted().0).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    for (what, n) in [("nothing", 0), ("limits", 1), ("a role", 2)] {
        let edge = globex.edge("globex", INTO).await;
        let sender = acme.clone();
        let publisher = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for n in 0..600 {
                let start = Instant::now();
                while sender.publish("x.orders", &n.to_string()).await.is_err() {}
                slowest = slowest.max(start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slowest
        });
        let mut longest = Duration::ZERO;
        let mut last = Instant::now();
        let mut got = 0;
        let mut pushed = n == 0;
        while got < 600 {
            let more = edge.take(1, SOON).await.len();
            longest = longest.max(last.elapsed());
            last = Instant::now();
            got += more;
            if got > 100 && !pushed {
                pushed = true;
                let plans = granted().change("acme", |tenant| {
                    if n == 1 {
                        tenant.limits.streams += 1;
                    } else {
                        let role = tenant.roles.get_mut("runtime").unwrap();
                        role.publish.push("x.more".to_owned());
                    }
                });
                world.apply(&plans.0).await;
            }
        }
        let slowest = publisher.await.unwrap();
        println!(
            "pushing {what} of the owner: longest silence at the reader {longest:?}, slowest publish {slowest:?}, arrived {got} of 600"
        );
        let transit = id("globex").transit_stream();
        globex
            .api(&format!("STREAM.PURGE.{transit}"), json!({"filter": INTO}))
            .await
            .unwrap();
    }
}

/// How long a revocation takes until it is verified, and a grant until its first message.
async fn revocations() {
    let with = granted().0;
    let without = granted().revoked("globex").0;
    let mut world = World::with(&with).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let (mut ends, mut starts) = (Vec::new(), Vec::new());
    for round in 0..30 {
        let edge = globex.edge("globex", INTO).await;
        let start = Instant::now();
        world.apply(&without).await;
        ends.push(start.elapsed());
        let start = Instant::now();
        world.apply(&with).await;
        acme.publish("x.orders", &round.to_string()).await.unwrap();
        let arrived =
            eventually(|| async { edge.consumer.get_info().await.unwrap().num_pending > round });
        assert!(arrived.await);
        starts.push(start.elapsed());
    }
    describe("revocation, verified", ends);
    describe("grant given back, first message there", starts);
}
