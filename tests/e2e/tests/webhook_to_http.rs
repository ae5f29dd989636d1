//! Example 01: the paid orders arrive in the ERP's words; poison becomes a dead letter.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use serde_json::json;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Answer, Dev, Folder, Receiver};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn paid_orders_arrive_in_the_words_of_the_erp() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("01-webhook-to-http", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/orders", dev.url("acme").unwrap()));

    // The ERP is down for the first attempts: nothing is lost, and each attempt has the same key.
    receiver.answer("/erp", Answer::status(503));
    let posts = [
        Post::json(
            "A-1",
            &json!({"id": "A-1", "status": "paid", "total": 19.9, "email": "ada@example.org"}),
        ),
        Post::json(
            "A-2",
            &json!({"id": "A-2", "status": "open", "total": 5, "email": null}),
        ),
        Post::json("A-3", &json!({"id": "A-3", "status": "paid", "total": 7})),
        Post::json(
            "A-4",
            &json!({"id": "A-4", "status": "paid", "total": 7, "colour": "red"}),
        ),
    ];
    let posted = poster.post(posts).await.unwrap();
    assert_eq!(posted.accepted.len(), 4, "{posted:?}");
    let refused =
        vrsky_e2e::until(SOON, || Some(receiver.refused()).filter(|it| it.len() >= 2)).await;
    let refused = refused.expect("attempts");
    receiver.answer("/erp", Answer::status(200));
    let mut arrived = receiver.wait_at("/erp/orders", 2, SOON).await.unwrap();
    arrived.sort_by_key(|request| request.json()["order"].to_string());
    let bodies: Vec<_> = arrived.iter().map(vrsky_e2e::Request::json).collect();
    assert_eq!(
        bodies,
        [
            json!({"order": "A-1", "amount": 19.9, "customer": "ada@example.org"}),
            json!({"order": "A-3", "amount": 7, "customer": ""}),
        ]
    );
    let key = |request: &vrsky_e2e::Request| request.headers["idempotency-key"].clone();
    let tried: Vec<String> = refused.iter().map(key).collect();
    assert!(
        tried.contains(&key(&arrived[0])),
        "no attempt had the key of the delivery: {tried:?}"
    );
    assert_ne!(key(&arrived[0]), key(&arrived[1]));

    let letters = vrsky_e2e::until(SOON, || {
        dev.report("acme/orders")
            .filter(|report| report.counters.dead_lettered == 1)
    });
    letters
        .await
        .expect("the order with a field too many is a dead letter");
    let letters = dev.dead_letters("acme").await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(String::from_utf8_lossy(&letters[0].payload).contains("A-4"));
    assert_eq!(letters[0].letter.path, "spec.source.contract");
    assert!(
        letters[0].letter.error.contains("colour"),
        "{}",
        letters[0].letter.error
    );
    assert!(dev.stop().unwrap().success());
}
