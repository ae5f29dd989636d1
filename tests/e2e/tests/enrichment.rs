//! Example 08: two flows over a topic; a reader that is added by a save gets what comes from then on.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use serde_json::json;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Dev, Folder, Receiver};

const SOON: Duration = Duration::from_secs(20);

const SECOND_READER: &str = "apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: count, namespace: acme}
spec:
  source: {topic: orders}
  sinks:
    statistics:
      connector: http
      with: {url: RECEIVER/statistics}
";

fn order(id: &str, country: &str, net: &str) -> Post {
    Post::json(id, &json!({"id": id, "country": country, "net": net}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tax_is_added_on_the_way() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("08-enrichment-chain", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/orders", dev.url("acme").unwrap()));
    let posts = [
        order("A-1", "de", "100"),
        order("A-2", "fr", "10.5"),
        order("A-3", "us", "1"),
    ];
    assert_eq!(poster.post(posts).await.unwrap().accepted.len(), 3);
    let bill = |country: &str| format!("/billing/{country}");
    let german = receiver.wait_at(&bill("DE"), 1, SOON).await.unwrap();
    assert_eq!(
        german[0].json(),
        json!({"id": "A-1", "country": "DE", "net": 100.0, "tax": 19.0, "gross": 119.0})
    );
    let french = receiver.wait_at(&bill("FR"), 1, SOON).await.unwrap();
    assert_eq!(french[0].json()["gross"], json!(12.6));
    let other = receiver.wait_at(&bill("US"), 1, SOON).await.unwrap();
    assert_eq!(other[0].json()["tax"], json!(0.0));

    let mark = dev.mark();
    folder
        .write(
            "count.yaml",
            &SECOND_READER.replace("RECEIVER", receiver.url()),
        )
        .unwrap();
    dev.wait_applied(mark).await.unwrap();
    assert_eq!(
        poster
            .post([order("A-4", "at", "2")])
            .await
            .unwrap()
            .accepted
            .len(),
        1
    );
    let counted = receiver.wait_at("/statistics", 1, SOON).await.unwrap();
    assert_eq!(counted[0].json()["id"], "A-4");
    receiver.wait_at(&bill("AT"), 1, SOON).await.unwrap();

    let mark = dev.mark();
    folder.delete("count.yaml").unwrap();
    dev.wait_applied(mark).await.unwrap();
    assert_eq!(
        poster
            .post([order("A-5", "at", "3")])
            .await
            .unwrap()
            .accepted
            .len(),
        1
    );
    receiver.wait_at(&bill("AT"), 2, SOON).await.unwrap();
    assert_eq!(
        receiver.count_at("/statistics"),
        1,
        "a reader that was removed got a message"
    );
    assert!(dev.stop().unwrap().success());
}
