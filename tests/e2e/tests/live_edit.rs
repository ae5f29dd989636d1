//! Edits while orders pass lose nothing; a save that does not compile keeps what ran; readers come
//! and go.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use vrsky_e2e::event::Event;
use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Dev, Folder, Ledger, Receiver, fulfilment};

const SECOND_READER: &str = "apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: audit, namespace: acme}
spec:
  source: {topic: orders}
  sinks:
    trail:
      connector: http
      with: {url: RECEIVER/audit}
";

#[tokio::test(flavor = "multi_thread")]
async fn edits_under_load_lose_nothing() {
    const ORDERS: u32 = 6_000;
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let mut ledger = Ledger::default();
    let wanted = fulfilment::note(&mut ledger, 0..ORDERS, true);
    let poster = Poster::to(format!("{}/shop", dev.url("acme").unwrap())).at_rate(400);
    let posting = poster.post((0..ORDERS).map(|number| Order(number).post()));
    let (posted, edits) = tokio::join!(posting, edit(&dev, &folder, &receiver));
    let posted = posted.unwrap();
    assert_eq!(posted.accepted.len(), ORDERS as usize, "{posted:?}");
    assert!(edits >= 10, "too few edits: {edits}");
    fulfilment::wait_delivered(&receiver, wanted, Duration::from_mins(1))
        .await
        .unwrap();
    for id in posted.accepted {
        ledger.accept(id);
    }
    fulfilment::wait_buried(&ledger, &dev, Duration::from_secs(30))
        .await
        .unwrap();
    fulfilment::settle(&mut ledger, &dev, &receiver)
        .await
        .unwrap();
    let verdict = ledger.judge();
    assert!(verdict.is_clean(), "{verdict:?}");
    assert!(
        receiver.count_at("/audit") > 0,
        "the reader that came and went saw nothing"
    );
    assert!(dev.stop().unwrap().success());
}

/// Changes programs on both sides of the border, breaks and mends one, adds and removes a reader.
async fn edit(dev: &Dev, folder: &Folder, receiver: &Receiver) -> usize {
    let mut edits = 0;
    for round in 0..3 {
        for (file, from) in [
            ("globex/flow.yaml", "attempts: 20"),
            ("acme/flow.yaml", "name: shape"),
        ] {
            let good = folder.read(file).unwrap();
            let to = if from == "name: shape" {
                format!("name: shape-{round}")
            } else {
                format!("attempts: {}", 30 + round)
            };
            let mark = dev.mark();
            folder.write(file, &good.replace(from, &to)).unwrap();
            dev.wait_applied(mark).await.unwrap();
            let mark = dev.mark();
            folder.write(file, &good).unwrap();
            dev.wait_applied(mark).await.unwrap();
            edits += 2;
        }
        let mark = dev.mark();
        folder
            .write(
                "acme/audit.yaml",
                &SECOND_READER.replace("RECEIVER", receiver.url()),
            )
            .unwrap();
        dev.wait_applied(mark).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mark = dev.mark();
        folder.delete("acme/audit.yaml").unwrap();
        dev.wait_applied(mark).await.unwrap();
        edits += 2;
    }
    edits
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_does_not_compile_keeps_what_ran() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/shop", dev.url("acme").unwrap()));
    let program = || dev.report("globex/fulfil").map(|report| report.program);
    let before = vrsky_e2e::until(Duration::from_secs(10), program)
        .await
        .unwrap();
    let good = folder.read("globex/flow.yaml").unwrap();
    for broken in [
        good.replace(".total", ".totl"),
        good.replace("connector: http", "connector: htp"),
        good.replace("spec:", "spec: ["),
    ] {
        let mark = dev.mark();
        folder.write("globex/flow.yaml", &broken).unwrap();
        let errors = dev
            .wait(
                mark,
                Duration::from_secs(10),
                "findings",
                |event| match event {
                    Event::Diagnostics { errors, .. } => Some(*errors),
                    _ => None,
                },
            )
            .await
            .unwrap();
        assert!(errors > 0, "no error in:\n{broken}");
        let count = receiver.count_at("/warehouse");
        assert_eq!(
            poster.post([Order(1).post()]).await.unwrap().accepted.len(),
            1
        );
        receiver
            .wait_at("/warehouse", count + 1, Duration::from_secs(20))
            .await
            .unwrap();
        assert_eq!(program().unwrap(), before, "another program runs");
    }
    assert!(dev.stop().unwrap().success());
}
