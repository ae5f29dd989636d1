//! Example 07: what is given up on is kept with the reason, and can be sent on its way again.
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

const SOON: Duration = Duration::from_secs(30);

async fn wait_letters(dev: &Dev, flow: &str, count: u64) {
    let found = vrsky_e2e::until(SOON, || {
        dev.report(flow)
            .filter(|report| report.counters.dead_lettered >= count)
    });
    found.await.unwrap_or_else(|| {
        panic!(
            "{flow} has not {count} dead letters: {:?}",
            dev.report(flow)
        )
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_delivers_what_can_be_delivered_now() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("07-dead-letters", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    receiver.answer("/invoices", Answer::status(400));
    let poster = Poster::to(format!("{}/invoices", dev.url("acme").unwrap()));
    let posts = [
        Post::json("R-1", &json!({"number": "R-1", "amount": "12.50"})),
        Post::json("R-2", &json!({"number": "R-2", "amount": "twelve"})),
    ];
    assert_eq!(poster.post(posts).await.unwrap().accepted.len(), 2);
    wait_letters(&dev, "acme/invoices", 2).await;
    let mut letters = dev.dead_letters("acme").await.unwrap();
    letters.sort_by_key(|letter| letter.letter.path.clone());
    assert_eq!(letters.len(), 2);
    let (rejected, failed) = (&letters[0].letter, &letters[1].letter);
    assert_eq!(
        (rejected.path.as_str(), rejected.attempts),
        ("spec.sinks.accounting", 1)
    );
    assert!(rejected.error.contains("400"), "{}", rejected.error);
    assert_eq!(
        (failed.path.as_str(), failed.step.as_str()),
        ("spec.steps[0].map", "amount")
    );
    assert_eq!(rejected.flow, "acme/invoices");

    receiver.answer("/invoices", Answer::status(200));
    dev.vrsky(&["dlq", "redrive", "acme", "--all"]).unwrap();
    let arrived = receiver.wait_at("/invoices", 1, SOON).await.unwrap();
    assert_eq!(arrived[0].json(), json!({"number": "R-1", "amount": 12.5}));
    wait_letters(&dev, "acme/invoices", 3).await;
    let letters = dev.dead_letters("acme").await.unwrap();
    assert_eq!(
        letters.len(),
        1,
        "the delivered one is gone, the other is back"
    );
    assert!(String::from_utf8_lossy(&letters[0].payload).contains("R-2"));
    assert_eq!(letters[0].letter.redriven, 1);

    let sequence = letters[0].letter.id.to_string();
    dev.vrsky(&["dlq", "drop", "acme", &sequence]).unwrap();
    assert_eq!(dev.dead_letters("acme").await.unwrap().len(), 0);
    assert_eq!(receiver.count_at("/invoices"), 1);
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_branch_comes_before_the_dead_letters_and_falls_back_to_them() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("07-dead-letters", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/refunds", dev.url("acme").unwrap()));
    let bad = |number: &str| Post::json(number, &json!({"number": number, "amount": "a lot"}));
    assert_eq!(poster.post([bad("F-1")]).await.unwrap().accepted.len(), 1);
    let review = receiver.wait_at("/review", 1, SOON).await.unwrap();
    let document = review[0].json();
    assert_eq!(document["flow"], "acme/refunds");
    assert_eq!(document["path"], "spec.steps[0].map");
    assert_eq!(
        document["payload"],
        json!({"number": "F-1", "amount": "a lot"})
    );
    assert_eq!(dev.dead_letters("acme").await.unwrap().len(), 0);

    receiver.answer("/review", Answer::status(500));
    assert_eq!(poster.post([bad("F-2")]).await.unwrap().accepted.len(), 1);
    wait_letters(&dev, "acme/refunds", 1).await;
    let letters = dev.dead_letters("acme").await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(String::from_utf8_lossy(&letters[0].payload).contains("F-2"));
    assert!(dev.stop().unwrap().success());
}
