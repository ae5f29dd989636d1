//! Example 05: every payload of @octokit/webhooks-examples, signed; what comes out equals what an
//! independent script computes from the same files.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Dev, Folder, Receiver, cache, program, signature};

const SECRET: &str = "it is not a secret here";
const ENVIRONMENT: [(&str, &str); 1] = [("VRSKY_SECRET_ACME_GITHUB_WEBHOOK", SECRET)];

/// The script's lines.
fn expected() -> Vec<Value> {
    let lock = program::repository().join("tools/webhooks-examples/package-lock.json");
    let folder = cache::webhooks_examples(&std::fs::read_to_string(lock).unwrap()).unwrap();
    let package = folder.join("node_modules/@octokit/webhooks-examples");
    assert!(
        package.is_dir(),
        "{} is missing: run `cargo xtask setup`",
        package.display()
    );
    let script = program::repository().join("tests/e2e/scripts/github_expected.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(package)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn post(number: usize, event: &str, body: &str, secret: &str) -> Post {
    Post {
        id: number.to_string(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-github-event".to_owned(), event.to_owned()),
            (
                "x-hub-signature-256".to_owned(),
                signature::github(secret, body.as_bytes()),
            ),
        ],
        body: Bytes::from(body.to_owned()),
    }
}

/// How often each text occurs: copies of one pull request are in several of the package's files.
fn count(texts: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chat_hears_is_what_a_script_computes() {
    let expected = expected();
    assert!(expected.len() > 700, "only {} payloads", expected.len());
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("05-github-pull-requests", receiver.url()).unwrap();
    let dev = Dev::start_with(folder.path(), &ENVIRONMENT).await.unwrap();
    let poster = Poster::to(format!("{}/github", dev.url("acme").unwrap()));

    let posts = expected.iter().enumerate().map(|(number, line)| {
        post(
            number,
            line["event"].as_str().unwrap(),
            line["body"].as_str().unwrap(),
            SECRET,
        )
    });
    let posted = poster.post(posts).await.unwrap();
    assert_eq!(
        posted.accepted.len(),
        expected.len(),
        "{:?} {:?}",
        posted.refused,
        posted.given_up
    );

    let fate = |fate: &str| expected.iter().filter(|line| line["fate"] == fate).count() as u64;
    let is_done = || {
        let report = dev.report("acme/pull-requests")?;
        let ended = report.counters.filtered
            + report.counters.dead_lettered
            + report.counters.delivered.values().sum::<u64>();
        (ended >= expected.len() as u64).then_some(report.counters)
    };
    let counters = vrsky_e2e::until(Duration::from_mins(1), is_done)
        .await
        .unwrap_or_else(|| {
            panic!(
                "not all payloads ended: {:?}",
                dev.report("acme/pull-requests")
            )
        });
    assert_eq!(counters.filtered, fate("filtered"));
    assert_eq!(counters.dead_lettered, fate("contract"));
    assert!(fate("delivered") > 10, "too little to compare");

    let wanted = count(
        expected
            .iter()
            .filter_map(|line| Some(line["text"].as_str()?.to_owned())),
    );
    let heard = count(
        receiver
            .at("/chat")
            .iter()
            .map(|request| request.json()["text"].as_str().unwrap().to_owned()),
    );
    assert_eq!(heard, wanted);
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_with_a_wrong_signature_is_refused() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("05-github-pull-requests", receiver.url()).unwrap();
    let dev = Dev::start_with(folder.path(), &ENVIRONMENT).await.unwrap();
    let poster = Poster::to(format!("{}/github", dev.url("acme").unwrap()));
    let body = r#"{"action":"opened","number":7,"pull_request":{"title":"Fix it","html_url":"https://github.com/a/b/pull/7","user":{"login":"ada"}},"repository":{"full_name":"a/b"}}"#;
    let forged = post(0, "pull_request", body, "another secret");
    assert_eq!(poster.once(&forged).await.unwrap(), 401);
    let mut unsigned = post(1, "pull_request", body, SECRET);
    unsigned.headers.pop();
    assert_eq!(poster.once(&unsigned).await.unwrap(), 401);
    let rightful = post(2, "pull_request", body, SECRET);
    assert_eq!(poster.once(&rightful).await.unwrap(), 202);
    let heard = receiver
        .wait_at("/chat", 1, Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        heard[0].json()["text"],
        "ada opened a/b#7: Fix it https://github.com/a/b/pull/7"
    );
    assert!(dev.stop().unwrap().success());
}
