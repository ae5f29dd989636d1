//! Leases and reports: the platform account, seen from a tenant.

use async_nats::HeaderMap;
use futures_util::StreamExt;
use vrsky_plan::report::{Counters, Report, State};
use vrsky_plan::{EdgeName, Lease, platform};

use crate::plans::{Plans, flow, id};
use crate::support::{SOON, Spied, World};

async fn world() -> World {
    World::with(&Plans::new().tenant("acme").flow("acme", "shop", &[]).0).await
}

fn lease(epoch: u64) -> String {
    let lease = Lease {
        epoch,
        process: format!("p{epoch}"),
        ..Lease::default()
    };
    serde_json::to_string(&lease).unwrap()
}

/// Writes the lease if its revision is still `expected`; its new revision.
async fn set(owner: &Spied, key: &str, expected: u64, value: String) -> Result<u64, String> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", expected.to_string());
    let subject = platform::key_subject(platform::LEASES, key);
    let sent = owner
        .context
        .publish_with_headers(subject, headers, value.into())
        .await
        .map_err(|error| error.to_string())?;
    sent.await
        .map(|ack| ack.sequence)
        .map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_taken_by_compare_and_set_through_the_import() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let key = platform::lease_key(&id("acme"), &flow("acme", "shop"), &EdgeName::ingress());
    let first = set(&runtime, &key, 0, lease(1)).await.unwrap();
    assert!(set(&runtime, &key, 0, lease(1)).await.is_err(), "taken");
    let second = set(&runtime, &key, first, lease(2)).await.unwrap();
    let stale = set(&runtime, &key, first, lease(3)).await.unwrap_err();
    assert!(stale.contains("wrong last sequence"), "{stale}");
    let subject = platform::key_get_subject(platform::LEASES, &key);
    let answer = runtime.client.request(subject, "".into()).await.unwrap();
    let read: Lease = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(read.epoch, 2);
    let headers = answer.headers.unwrap();
    assert_eq!(
        headers.get("Nats-Sequence").unwrap().as_str(),
        second.to_string()
    );
    assert_eq!(runtime.denials(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_contenders_for_a_lease_exactly_one_wins() {
    let world = world().await;
    let key = platform::lease_key(&id("acme"), &flow("acme", "shop"), &EdgeName::ingress());
    let mut contenders = Vec::new();
    for n in 0..20 {
        let runtime = world.runtime("acme").await;
        let key = key.clone();
        contenders.push(tokio::spawn(async move {
            set(&runtime, &key, 0, lease(n)).await
        }));
    }
    let mut winners = 0;
    for contender in contenders {
        winners += usize::from(contender.await.unwrap().is_ok());
    }
    assert_eq!(winners, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_nobody_holds_is_not_found() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let key = format!("{}.acme_shop.nothing", id("acme"));
    let subject = platform::key_get_subject(platform::LEASES, &key);
    let answer = runtime.client.request(subject, "".into()).await.unwrap();
    assert_eq!(answer.status.unwrap().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_with_their_tenant_the_last_ones_first() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let report = |at_ms| Report {
        flow: flow("acme", "shop"),
        program: "hash".to_owned(),
        generation: 0,
        process: "p1".to_owned(),
        at_ms,
        state: State::Running,
        url: None,
        counters: Counters::default(),
        backlog: std::collections::BTreeMap::new(),
        last_error: None,
    };
    let subject = platform::report_subject(&id("acme"), &flow("acme", "shop"), "p1");
    for at_ms in [1, 2] {
        let text = serde_json::to_string(&report(at_ms)).unwrap();
        runtime.publish(&subject, &text).await.unwrap();
    }
    runtime
        .publish(&format!("reports.{}.junk.p1", id("acme")), "not a report")
        .await
        .unwrap();
    let mut reports = world.broker.reports().await.unwrap();
    let first = tokio::time::timeout(SOON, reports.next()).await.unwrap();
    assert_eq!(first, Some((id("acme"), report(2))));
    let text = serde_json::to_string(&report(3)).unwrap();
    runtime.publish(&subject, &text).await.unwrap();
    let next = tokio::time::timeout(SOON, reports.next()).await.unwrap();
    assert_eq!(next, Some((id("acme"), report(3))));
}
