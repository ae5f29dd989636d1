//! What a developer gets wrong is reported with the line: a wrong field, a wrong URL, a wrong secret.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use serde_json::json;
use vrsky_e2e::event::Event;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Dev, Folder, Receiver};

const SOON: Duration = Duration::from_secs(10);

fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap() + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_shown_where_it_stands() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("01-webhook-to-http", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let mark = dev.mark();
    folder.edit("flow.yaml", ".total", ".totl").unwrap();
    let found = dev
        .wait(mark, SOON, "a finding", |event| match event {
            Event::Diagnostics { diagnostics, .. } => diagnostics.first().cloned(),
            _ => None,
        })
        .await
        .unwrap();
    assert!(found.primary.origin.ends_with("flow.yaml"), "{found:?}");
    assert_eq!(
        found.primary.line,
        line_of(&folder.read("flow.yaml").unwrap(), ".totl")
    );
    assert_eq!(found.primary.path, "spec.steps[1].map");
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_url_is_shown_where_it_stands() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("01-webhook-to-http", receiver.url()).unwrap();
    // A port on which nobody listens: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    folder
        .edit("flow.yaml", receiver.url(), &format!("http://{free}"))
        .unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/orders", dev.url("acme").unwrap()));
    let order = Post::json("A-1", &json!({"id": "A-1", "status": "paid", "total": 1}));
    assert_eq!(poster.post([order]).await.unwrap().accepted.len(), 1);
    let error = vrsky_e2e::until(SOON, || dev.report("acme/orders")?.last_error).await;
    let error = error.expect("the failing sink is reported");
    assert!(error.path.starts_with("spec.sinks.erp"), "{error:?}");
    let at = error.at.expect("with its line");
    assert!(at.file.ends_with("flow.yaml"), "{at:?}");
    let text = folder.read("flow.yaml").unwrap();
    let (from, to) = (line_of(&text, "erp:"), line_of(&text, "max: 2s"));
    assert!((from..=to).contains(&at.line), "{at:?}");

    // Mended by a save: the order that waited arrives.
    let mark = dev.mark();
    folder
        .edit("flow.yaml", &format!("http://{free}"), receiver.url())
        .unwrap();
    dev.wait_applied(mark).await.unwrap();
    receiver
        .wait_at("/erp/orders", 1, Duration::from_secs(30))
        .await
        .unwrap();
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_shown_where_it_is_referred_to_and_mended_by_writing_it() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("05-github-pull-requests", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let is_blocked = || {
        dev.report("acme/pull-requests")
            .filter(|it| it.state["state"] == "blocked")
    };
    let report = vrsky_e2e::until(SOON, is_blocked)
        .await
        .expect("the flow is blocked");
    let reason = report.state["reason"].as_str().unwrap();
    assert!(
        reason.contains("github") && reason.contains("webhook"),
        "{reason}"
    );
    let at = report.at.expect("with its line");
    let line = line_of(&folder.read("flow.yaml").unwrap(), "secretRef");
    assert!((line - 1..=line).contains(&at.line), "{at:?}");
    folder
        .write(
            ".vrsky/secrets.yaml",
            "acme: {github: {webhook: \"mended\"}}\n",
        )
        .unwrap();
    let is_running = || {
        dev.report("acme/pull-requests")
            .filter(|it| it.state["state"] == "running")
    };
    vrsky_e2e::until(Duration::from_secs(20), is_running)
        .await
        .expect("it runs once the secret is there");
    assert!(dev.stop().unwrap().success());
}
