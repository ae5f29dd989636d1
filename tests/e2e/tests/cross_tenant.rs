//! Example 06: what is shared arrives; a grant is revoked by editing its file, whatever else of the
//! owner is broken; a reader without a grant reads nothing.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use vrsky_e2e::event::Event;
use vrsky_e2e::orders::{Order, Sort};
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Dev, Folder, Receiver, fulfilment};

const SOON: Duration = Duration::from_secs(20);
const FLOW: &str = "acme/shop-orders";

/// The numbers of so many paid orders.
fn paid(from: u32, count: usize) -> Vec<Order> {
    (from..)
        .map(Order)
        .filter(|order| order.sort() == Sort::Paid)
        .take(count)
        .collect()
}

async fn post(dev: &Dev, orders: &[Order]) {
    let poster = Poster::to(format!("{}/shop", dev.url("acme").unwrap()));
    let posted = poster
        .post(orders.iter().map(|order| order.post()))
        .await
        .unwrap();
    assert_eq!(posted.accepted.len(), orders.len(), "{posted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_arrives_in_the_words_of_the_reader() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let orders = paid(0, 50);
    post(&dev, &orders).await;
    let arrived = receiver.wait_at("/warehouse", 50, SOON).await.unwrap();
    for order in orders {
        let found = arrived
            .iter()
            .any(|request| request.json() == order.shipped());
        assert!(
            found,
            "{} did not arrive as {}",
            order.id(),
            order.shipped()
        );
    }
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_not_held_up_by_a_broken_object_of_the_owner() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let granted = folder.read("acme/grant.yaml").unwrap();
    let mut accepted = 0;
    for round in 0..3 {
        let shared = paid(round * 1_000, 20);
        post(&dev, &shared).await;
        accepted += shared.len();
        receiver
            .wait_at("/warehouse", 20 * (round as usize + 1), SOON)
            .await
            .unwrap();

        // Another flow of the owner does not compile, and is saved first.
        let mark = dev.mark();
        folder
            .write("acme/broken.yaml", &broken_flow(round))
            .unwrap();
        let errors = dev
            .wait(mark, SOON, "findings", |event| match event {
                Event::Diagnostics { errors, .. } if *errors > 0 => Some(*errors),
                _ => None,
            })
            .await
            .unwrap();
        assert_eq!(errors, 1);
        let mark = dev.mark();
        folder
            .write(
                "acme/grant.yaml",
                &format!("{}\n  revoked: true\n", granted.trim_end()),
            )
            .unwrap();
        let revoked = dev
            .wait(mark, SOON, "a revocation", |event| match event {
                Event::Applied { revoked, .. } => revoked.first().cloned(),
                _ => None,
            })
            .await
            .unwrap();
        assert_eq!(
            (revoked.grant.as_str(), revoked.flow.as_str()),
            ("acme/orders-for-globex", "globex/fulfil")
        );

        let withheld = paid(round * 1_000 + 500, 20);
        post(&dev, &withheld).await;
        accepted += withheld.len();
        fulfilment::wait_idle(&dev, FLOW, accepted as u64)
            .await
            .unwrap();
        let arrived = receiver.ids("/warehouse", "order");
        assert!(
            withheld.iter().all(|order| !arrived.contains(&order.id())),
            "a withheld order arrived"
        );

        let mark = dev.mark();
        folder.delete("acme/broken.yaml").unwrap();
        folder.write("acme/grant.yaml", &granted).unwrap();
        let given = dev.wait(mark, SOON, "the grant is back", |event| match event {
            Event::Applied {
                flows,
                confirmed: true,
                ..
            } if flows.iter().any(|it| it == "acme/shop-orders") => Some(()),
            _ => None,
        });
        given.await.unwrap();
    }
    // The positive control: after the last round orders arrive again, and the withheld ones never did.
    let last = paid(50_000, 20);
    post(&dev, &last).await;
    receiver.wait_at("/warehouse", 80, SOON).await.unwrap();
    let arrived = receiver.ids("/warehouse", "order");
    assert_eq!(arrived.len(), 80);
    for round in 0..3 {
        for order in paid(round * 1_000 + 500, 20) {
            assert!(
                !arrived.contains(&order.id()),
                "{} was posted while the grant was revoked",
                order.id()
            );
        }
    }
    assert!(dev.stop().unwrap().success());
}

/// The events that say that a grant ended: which, and for which flow.
fn ended(events: &[Event]) -> Vec<(String, String)> {
    let revoked = events.iter().filter_map(|event| match event {
        Event::Applied { revoked, .. } => Some(revoked),
        _ => None,
    });
    revoked
        .flatten()
        .map(|end| (end.grant.clone(), end.flow.clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends_by_itself_when_it_expires() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let granted = folder.read("acme/grant.yaml").unwrap();
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let mark = dev.mark();
    let limited = format!("{}\n  expires: {expires}\n", granted.trim_end());
    folder.write("acme/grant.yaml", &limited).unwrap();
    dev.wait_applied(mark).await.unwrap();

    let before = paid(0, 20);
    post(&dev, &before).await;
    receiver.wait_at("/warehouse", 20, SOON).await.unwrap();
    assert_eq!(ended(&dev.since(mark)), []);

    // No file changes from here on.
    let told = dev.wait(mark, SOON, "the end of the grant", |event| match event {
        Event::Applied { revoked, .. } => revoked.first().cloned(),
        _ => None,
    });
    told.await.unwrap();
    assert!(jiff::Timestamp::now() >= expires, "it ended early");
    let after = paid(1_000, 20);
    post(&dev, &after).await;
    fulfilment::wait_idle(&dev, FLOW, 40).await.unwrap();
    let grant = (
        "acme/orders-for-globex".to_owned(),
        "globex/fulfil".to_owned(),
    );
    assert_eq!(ended(&dev.since(mark)), [grant]);
    let codes: Vec<String> = dev
        .since(mark)
        .into_iter()
        .filter_map(|event| match event {
            Event::Diagnostics { diagnostics, .. } => Some(diagnostics),
            _ => None,
        })
        .flatten()
        .map(|found| format!("{} {}", found.severity, found.code))
        .collect();
    assert_eq!(
        codes,
        ["warning VRS0602", "error VRS0602"],
        "owner and reader are told, once each"
    );

    // The positive control: given again, and what was published in between stays away.
    let mark = dev.mark();
    folder.write("acme/grant.yaml", &granted).unwrap();
    dev.wait_applied(mark).await.unwrap();
    let last = paid(2_000, 20);
    post(&dev, &last).await;
    receiver.wait_at("/warehouse", 40, SOON).await.unwrap();
    fulfilment::wait_idle(&dev, FLOW, 60).await.unwrap();
    let arrived = receiver.ids("/warehouse", "order");
    let wanted: std::collections::BTreeSet<String> =
        before.iter().chain(&last).map(|order| order.id()).collect();
    assert_eq!(arrived, wanted);
    assert!(dev.stop().unwrap().success());
}

fn broken_flow(round: u32) -> String {
    format!(
        "apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: broken-{round}, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /broken}}
    contract: {{fields: {{id: string}}}}
  steps:
    - map: '. = {{\"id\": .idd}}'
  sinks:
    nowhere: {{connector: log}}
"
    )
}
