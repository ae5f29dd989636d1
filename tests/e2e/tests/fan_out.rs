//! Example 04: all sinks whose condition holds; `otherwise` for the rest; a slow sink holds up no other.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Answer, Dev, Folder, Receiver};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn each_order_goes_where_its_conditions_say() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("04-fan-out", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    // One sink is down all the time: the others must not wait for it.
    receiver.answer("/germany", Answer::status(503));
    let orders = [
        ("A", "DE", 2000),
        ("B", "DE", 10),
        ("C", "FR", 2000),
        ("D", "FR", 10),
    ];
    let posts = orders.map(|(id, country, total)| {
        Post::json(id, &json!({"id": id, "country": country, "total": total}))
    });
    let poster = Poster::to(format!("{}/orders", dev.url("acme").unwrap()));
    assert_eq!(poster.post(posts).await.unwrap().accepted.len(), 4);

    receiver.wait_at("/large", 2, SOON).await.unwrap();
    receiver.wait_at("/rest", 1, SOON).await.unwrap();
    let archived = || {
        let text = folder.read("archive/orders.ndjson").ok()?;
        (text.lines().count() >= 4).then_some(text)
    };
    let archive = vrsky_e2e::until(SOON, archived)
        .await
        .expect("the archive holds all");
    assert_eq!(receiver.count_at("/germany"), 0);
    receiver.answer("/germany", Answer::status(200));
    receiver.wait_at("/germany", 2, SOON).await.unwrap();

    let ids = |path| receiver.ids(path, "id").into_iter().collect::<Vec<_>>();
    assert_eq!(ids("/germany"), ["A", "B"]);
    assert_eq!(ids("/large"), ["A", "C"]);
    assert_eq!(ids("/rest"), ["D"]);
    assert_eq!(receiver.at("/large")[0].json()["note"], "large order");
    let archived: BTreeSet<String> = archive
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(archived.len(), 4);
    assert!(dev.stop().unwrap().success());
}
