//! Connectors at work: real requests and files, a real server, runtimes as real processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use vrsky_plan::Program;
use vrsky_plan::program::{Decode, Retries, Source};
use vrsky_plan::report::{Cause, State};

#[path = "stories/programs.rs"]
#[allow(dead_code)]
mod programs;
#[path = "stories/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "stories/world.rs"]
#[allow(dead_code)]
mod world;

use programs::{Build, program};
use world::{World, until};

const RETRIES: Retries = Retries {
    attempts: 10,
    first_ms: 20,
    max_ms: 200,
};

/// A program that takes any object in with a connector and writes it to `out.ndjson`.
fn copy(name: &str, builtin: &str, with: Value, decode: Decode) -> Program {
    program(name)
        .stage(|stage| stage.input.schema = json!({"type": "object"}).into())
        .change(|program| {
            program.source = Source::Connector {
                builtin: builtin.into(),
                with: with.into(),
                decode,
            };
        })
        .deliver("out", "file", json!({"path": "out.ndjson"}), RETRIES)
}

/// The documents that were written.
fn written(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.path().join("out.ndjson")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// How often each value of a field was written.
fn counted(world: &World, field: &str) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for document in written(world) {
        *counted.entry(document[field].to_string()).or_default() += 1;
    }
    counted
}

fn secret(folder: &Path, name: &str, key: &str, text: &str) {
    let folder = folder.join("secrets/shop").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(key), text).unwrap();
}

#[tokio::test]
async fn what_a_webhook_accepts_arrives_and_a_suspended_one_asks_to_come_again() {
    let mut world = World::new().await;
    let running = copy("hook", "webhook", json!({"path": "/in"}), Decode::Json);
    world.put(running.clone()).await;
    let _runtime = world.runtime();
    let report = world
        .report(&running.flow, |r| {
            r.state == State::Running && r.url.is_some()
        })
        .await;
    let url = report.url.unwrap();
    let client = vrsky_runtime::connectors::http_client();
    for number in 0..50 {
        let body = json!({"n": number}).to_string();
        let response = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 202);
    }
    until("50 lines", || async { written(&world).len() == 50 }).await;

    let suspended = running.clone().change(|program| program.suspended = true);
    world.put(suspended.clone()).await;
    world
        .report(&running.flow, |r| r.state == State::Suspended)
        .await;
    let response = client.post(&url).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));

    world.put(running.clone()).await;
    world
        .report(&running.flow, |r| r.state == State::Running)
        .await;
    until("accepted again", || async {
        client
            .post(&url)
            .body("{\"n\": 50}")
            .send()
            .await
            .unwrap()
            .status()
            == 202
    })
    .await;
    until("51 lines", || async { counted(&world, "n").len() == 51 }).await;
}

#[tokio::test]
async fn a_webhook_waits_for_its_secret() {
    let mut world = World::new().await;
    let key = json!({"secretRef": {"name": "hub", "key": "signing"}});
    let with = json!({"path": "/in", "verify": {"github": key}});
    let program = copy("hook", "webhook", with, Decode::Json);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let blocked = |state: &State| {
        matches!(state, State::Blocked { reason, path, cause: Cause::SecretNotFound }
        if reason == "the secret hub has no key signing"
            && path.as_deref() == Some("spec.source.with.verify.github.secretRef"))
    };
    world
        .report(&program.flow, |report| blocked(&report.state))
        .await;
    secret(
        world.path(),
        "hub",
        "signing",
        "It's a Secret to Everybody\n",
    );
    let report = world
        .report(&program.flow, |r| {
            r.state == State::Running && r.url.is_some()
        })
        .await;
    let client = vrsky_runtime::connectors::http_client();
    let url = report.url.unwrap();
    until("it runs", || async {
        client
            .post(&url)
            .body("Hello, World!")
            .send()
            .await
            .unwrap()
            .status()
            == 401
    })
    .await;
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let request = client
        .post(&url)
        .body("Hello, World!")
        .header("x-hub-signature-256", signature);
    assert_eq!(request.send().await.unwrap().status(), 202);
    // It is no JSON: accepted, and a dead letter.
    until("a dead letter", || async {
        world.dead_letters("d.shop_hook.*").await == 1
    })
    .await;
}

#[tokio::test]
async fn no_row_of_a_file_is_lost_when_the_runtime_is_killed() {
    let mut world = World::new().await;
    let with = json!({"folder": "in", "every": "20ms", "pattern": "*.csv"});
    let program = copy("rows", "file", with, Decode::Csv);
    world.put(program.clone()).await;
    fs::create_dir(world.path().join("in")).unwrap();
    let rows: Vec<String> = (0..20_000).map(|number| format!("{number},x")).collect();
    fs::write(
        world.path().join("in/a.csv"),
        format!("n,text\n{}\nbad\n", rows.join("\n")),
    )
    .unwrap();
    let runtime = world.runtime();
    until("some lines", || async { written_bytes(&world) > 10_000 }).await;
    runtime.kill();
    let runtime = world.runtime();
    until("more lines", || async { written_bytes(&world) > 100_000 }).await;
    assert_eq!(runtime.terminate().await, Some(0));
    let _runtime = world.runtime();
    let done = world.path().join("in/.done/a.csv");
    until("the file is done", || async { done.exists() }).await;
    until("all rows", || async {
        counted(&world, "n").len() == 20_000
    })
    .await;
    until("the bad row", || async {
        world.dead_letters("d.shop_rows.*").await >= 1
    })
    .await;
    let letter = &world.read("d.shop_rows.*").await[0];
    let metadata: Value = serde_json::from_str(&world::header(letter, "Vrsky-Metadata")).unwrap();
    assert_eq!(metadata["line"], 20_002);
    assert_eq!(metadata["file"], "a.csv");
}

/// The length of `out.ndjson`, cheap to ask for.
fn written_bytes(world: &World) -> u64 {
    fs::metadata(world.path().join("out.ndjson")).map_or(0, |metadata| metadata.len())
}

#[tokio::test]
async fn two_runtimes_never_fire_twice() {
    let mut world = World::new().await;
    let program = copy(
        "clock",
        "schedule",
        json!({"cron": "* * * * * *"}),
        Decode::Json,
    );
    world.put(program.clone()).await;
    let first = world.runtime();
    let _second = world.runtime();
    until("three instants", || async { written(&world).len() >= 3 }).await;
    assert_eq!(first.terminate().await, Some(0));
    let before = written(&world).len();
    until("three more", || async {
        written(&world).len() >= before + 3
    })
    .await;
    let counted = counted(&world, "time");
    assert!(counted.values().all(|&count| count == 1), "{counted:?}");
}

#[tokio::test]
async fn generated_messages_are_posted_with_their_ids() {
    let mut world = World::new().await;
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    // The first three requests fail.
    let failures = Arc::new(AtomicUsize::new(3));
    let note = move |uri: http::Uri, headers: http::HeaderMap| {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let fails = failures
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_ok();
        let status = if fails { 503 } else { 204 };
        sender.send((uri.path().to_owned(), key, status)).unwrap();
        std::future::ready(http::StatusCode::from_u16(status).unwrap())
    };
    let router = axum::Router::new().fallback(note);
    let server = tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
    let with = json!({"url": url, "path": ["n", {"expr": ".sequence"}]});
    let program = program("probe")
        .stage(|stage| {
            let sequence = json!({"sequence": {"type": "integer"}});
            stage.input.schema = json!({"type": "object", "properties": sequence}).into();
        })
        .change(|program| {
            program.source = Source::Connector {
                builtin: "generate".into(),
                with: json!({"every": "5ms", "count": 20}).into(),
                decode: Decode::Json,
            };
        })
        .deliver("out", "http", with, RETRIES);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let mut delivered = BTreeMap::new();
    while delivered.len() < 20 {
        let (path, key, status) = tokio::time::timeout(Duration::from_mins(1), receiver.recv())
            .await
            .unwrap()
            .unwrap();
        if status == 204 {
            *delivered.entry((path, key)).or_insert(0) += 1;
        }
    }
    for (path, key) in delivered.keys() {
        let number = path.strip_prefix("/n/").unwrap();
        assert!(
            key.starts_with("generate-") && key.ends_with(&format!("-{number}")),
            "{key}"
        );
    }
    let report = world
        .report(&program.flow, |r| {
            r.counters.delivered.get("out") == Some(&20)
        })
        .await;
    assert_eq!(report.counters.retried, 3);
    server.abort();
}
