//! A tenant reaches what it may use: the newcomer is told so, what runs runs on, and a larger quota
//! heals it. The same for what it may store: senders are pushed back, nothing is lost.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::time::Duration;

use serde_json::json;
use vrsky_e2e::installed::{Installed, SOON, condition};
use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::{Post, Poster};
use vrsky_e2e::{Answer, Receiver, warehouse};

fn flow(name: &str, receiver: &str) -> String {
    format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: {name}, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /{name}}}
    contract: {{fields: {{id: string, text: string}}}}
  sinks:
    warehouse:
      connector: http
      with: {{url: "{receiver}", path: [{name}]}}
      delivery: {{retries: {{attempts: 100, first: 200ms, max: 1s}}}}
"#
    )
}

fn posts(range: std::ops::Range<u32>, bytes: usize) -> impl Iterator<Item = Post> {
    range.map(move |number| {
        let id = Order(number).id();
        Post::json(id.clone(), &json!({"id": id, "text": "x".repeat(bytes)}))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_stops_the_newcomer_and_nobody_else() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "quotas: {flows: 1}").unwrap();
    kubectl.apply(&flow("zebra", receiver.url())).unwrap();
    installed.ready("acme", "flow/zebra").await.unwrap();

    // Before it in the alphabet, and after it in time.
    kubectl.apply(&flow("ant", receiver.url())).unwrap();
    let newcomer = installed.until("acme", "flow/ant", |flow| {
        condition(flow, "ResolvedRefs")["reason"] == "QuotaExceeded"
    });
    let newcomer = newcomer.await.unwrap();
    assert_eq!(condition(&newcomer, "Ready")["status"], "False");
    assert_eq!(newcomer["status"]["diagnostics"][0]["code"], "VRS0208");
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let zebra = Poster::to(format!("{service}/acme/zebra"));
    let posted = zebra.post(posts(0..200, 10)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");
    receiver.wait_at("/zebra", 200, SOON).await.unwrap();
    installed.ready("acme", "flow/zebra").await.unwrap();

    // A larger quota heals it; a smaller one stops nobody.
    for (flows, wanted) in [(2, 2), (1, 2)] {
        let patch = format!(r#"{{"spec":{{"quotas":{{"flows":{flows}}}}}}}"#);
        let patched = ["patch", "tenant", "acme", "--type=merge", "-p", &patch];
        kubectl.run(&patched).unwrap();
        installed.ready("acme", "tenant/acme").await.unwrap();
        for name in ["flow/ant", "flow/zebra"].into_iter().take(wanted) {
            installed.ready("acme", name).await.unwrap();
        }
    }
    let ant = Poster::to(format!("{service}/acme/ant"));
    let posted = ant.post(posts(0..200, 10)).await.unwrap();
    assert_eq!(posted.accepted.len(), 200, "{posted:?}");
    receiver.wait_at("/ant", 200, SOON).await.unwrap();
    installed.clear().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_pushes_senders_back_and_loses_nothing() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    // 60 % of it is for what is on its way.
    installed.tenant("acme", "quotas: {storage: 32Mi}").unwrap();
    kubectl.apply(&flow("orders", receiver.url())).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster {
        patience: Duration::from_mins(2),
        concurrency: 8,
        ..Poster::to(format!("{service}/acme/orders"))
    };
    // 30 MB, while the sink takes nothing.
    receiver.answer("/orders", Answer::status(503));
    let posting = poster.post(posts(0..3_000, 10_000));
    let opening = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        receiver.answer("/orders", Answer::status(200));
    };
    let (posted, ()) = tokio::join!(posting, opening);
    let posted = posted.unwrap();
    assert_eq!(posted.accepted.len(), 3_000, "{posted:?}");
    assert!(posted.repeated > 0, "the store was never full: {posted:?}");
    let arrived = warehouse::arrived(&installed, &receiver, "/orders", 0..3_000);
    arrived.await.unwrap();
    println!(
        "accepted 3000, pushed back {}, delivered 3000, lost 0",
        posted.repeated
    );
    installed.clear().unwrap();
}
