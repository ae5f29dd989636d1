//! What a process says of itself to Kubernetes and to Prometheus.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::json;
use vrsky_plan::Program;
use vrsky_plan::program::{Condition, Retries};

use crate::endpoint::Endpoint;
use crate::programs::{Build, numbers, program};
use crate::world::{Runtime, World, until};

const HEALTH: [&str; 2] = ["--health", "127.0.0.1:0"];
const RETRIES: Retries = Retries {
    attempts: 2,
    first_ms: 10,
    max_ms: 10,
};

fn delivering(name: &str, endpoint: &Endpoint) -> Program {
    program(name).deliver("erp", "http", endpoint.with(), RETRIES)
}

async fn answers(runtime: &Runtime, path: &str, status: u16, body: &str) {
    until(body, || async {
        runtime.ask(path).await == (status, body.to_owned())
    })
    .await;
}

#[tokio::test]
async fn readiness_says_what_it_waits_for() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 204).await;
    let runtime = world.runtime_with(&HEALTH);
    answers(&runtime, "/readyz", 200, "ready\n").await;
    let program = delivering("late", &endpoint);
    world.promise(program.clone()).await;
    let waits = "the flow shop/late does not run its program yet\n";
    answers(&runtime, "/readyz", 503, waits).await;
    world.put(program).await;
    answers(&runtime, "/readyz", 200, "ready\n").await;
    world.server.crash();
    let waits = "there is no connection to NATS\n";
    answers(&runtime, "/readyz", 503, waits).await;
    assert_eq!(runtime.ask("/livez").await, (200, "alive\n".to_owned()));
    world.server.restart();
    answers(&runtime, "/readyz", 200, "ready\n").await;
}

#[tokio::test]
async fn a_blocked_flow_is_named_and_a_projected_secret_unblocks_it() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |_| 204).await;
    let mut with = endpoint.with();
    with["bearer"] = json!({"secretRef": {"name": "erp", "key": "token"}});
    world
        .put(program("secret").deliver("erp", "http", with, RETRIES))
        .await;
    let runtime = world.runtime_with(&HEALTH);
    let blocked = "ready\nthe flow shop/secret is blocked: the secret erp has no key token\n";
    answers(&runtime, "/readyz", 200, blocked).await;
    // As a projected volume of Kubernetes brings it.
    let volume = world.path().join("secrets/shop");
    std::fs::create_dir_all(volume.join("..1/erp")).unwrap();
    std::fs::write(volume.join("..1/erp/token"), "first").unwrap();
    symlink("..data/erp", volume.join("erp")).unwrap();
    symlink("..1", volume.join("..data")).unwrap();
    answers(&runtime, "/readyz", 200, "ready\n").await;
    world.feed("e.shop_secret.in", numbers(0..5)).await;
    until("all delivered", || async { endpoint.seen().len() == 5 }).await;
    assert_eq!(endpoint.authorization(), "Bearer first");
    std::fs::create_dir_all(volume.join("..2/erp")).unwrap();
    std::fs::write(volume.join("..2/erp/token"), "other").unwrap();
    symlink("..2", volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    let mut next = 5;
    while endpoint.authorization() != "Bearer other" {
        assert!(next < 500, "the changed secret is not used");
        world
            .feed("e.shop_secret.in", numbers(next..next + 1))
            .await;
        next += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn metrics_count_what_the_flow_did() {
    let mut world = World::new().await;
    let endpoint = Endpoint::start(Duration::ZERO, |before| if before == 0 { 500 } else { 204 });
    world.put(delivering("counts", &endpoint.await)).await;
    let idle = program("idle").topic("out", Condition::Always, &["e.shop_reader.in"]);
    let idle = idle.change(|program| program.suspended = true);
    world.put(idle).await;
    let runtime = world.runtime_with(&HEALTH);
    world.feed("e.shop_counts.in", numbers(0..10)).await;
    let bad = [("bad".to_owned(), "no json".to_owned())];
    world.feed("e.shop_counts.in", bad).await;
    let of = |metric: &str, more: &str, value: &str| {
        format!("{metric}{{flow_namespace=\"shop\",flow_name=\"counts\"{more}}} {value}\n")
    };
    let all = [
        of("vrsky_messages_delivered_total", ",output=\"erp\"", "10"),
        of("vrsky_messages_dead_lettered_total", "", "1"),
        of("vrsky_messages_accepted_total", "", "0"),
        of("vrsky_delivery_retries_total", "", "10"),
        of("vrsky_edge_backlog_messages", ",edge=\"in\"", "0"),
        of("vrsky_edge_in_flight_messages", ",edge=\"in\"", "0"),
        of("vrsky_edge_in_flight_bytes", ",edge=\"in\"", "0"),
        of("vrsky_flow_state", ",state=\"running\"", "1"),
        of("vrsky_flow_state", ",state=\"suspended\"", "0"),
        "flow_name=\"idle\",state=\"suspended\"} 1\n".to_owned(),
        format!(
            "vrsky_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        ),
        "vrsky_nats_connected 1\n".to_owned(),
        "vrsky_nats_connections_total 1\n".to_owned(),
    ];
    until("all counted", || async {
        let (status, text) = runtime.ask("/metrics").await;
        status == 200 && all.iter().all(|line| text.contains(line))
    })
    .await;
    let (_, text) = runtime.ask("/metrics").await;
    let mut named = BTreeSet::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let name = described.split(' ').next().unwrap();
            assert!(named.insert(name.to_owned()), "{name} is described twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(named.contains(name), "{line} is not described");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line} has no number");
        }
    }
    assert!(named.contains("vrsky_process_start_time_seconds"));
    assert!(named.contains("vrsky_flow_last_error_timestamp_seconds"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_without_one_nothing_is_served() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut runtime = world.runtime_with(&["--health", &address]);
    until("its end", || {
        let ended = runtime.ended();
        async move { ended }
    })
    .await;
    let log = runtime.log();
    assert!(log.contains(&format!(
        "cannot serve the health of the process on {address}"
    )));
    assert!(log.contains("choose another with --health"), "{log}");
    let runtime = world.runtime();
    until("a connection", || async {
        runtime.happened("connected") == 1
    })
    .await;
    assert_eq!(runtime.happened("health_served"), 0);
}
