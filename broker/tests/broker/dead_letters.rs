//! Dead letters with nothing but the credentials of the role `support`.

use async_nats::HeaderMap;
use vrsky_broker::dead_letters::{Error, discard, list, redrive, show};
use vrsky_plan::header;

use crate::plans::{Plans, flow, id};
use crate::support::{SOON, Spied, World};

async fn world() -> World {
    let plans = Plans::new()
        .tenant("acme")
        .flow("acme", "shop", &[])
        .flow("acme", "other", &[]);
    World::with(&plans.0).await
}

async fn bury(runtime: &Spied, flow: &str, message: &str, edge: Option<&str>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::MESSAGE, message);
    headers.insert(header::METADATA, r#"{"id":"x"}"#);
    headers.insert(header::FLOW, format!("acme/{flow}"));
    headers.insert(header::STEP, "shape");
    headers.insert(header::PATH, "spec.steps[0].map");
    headers.insert(header::ERROR, "not a number");
    headers.insert(header::ATTEMPTS, "5");
    headers.insert(header::TIME, "2026-01-02T03:04:05Z");
    if let Some(edge) = edge {
        headers.insert(header::EDGE, edge);
    }
    let subject = format!("d.acme_{flow}.shape");
    let payload = format!("payload of {message}");
    let sent = runtime
        .context
        .publish_with_headers(subject, headers, payload.into())
        .await
        .unwrap();
    sent.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_by_flow_and_shown_with_everything() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    bury(&runtime, "shop", "m1", Some("e.acme_shop.in")).await;
    bury(&runtime, "other", "m2", Some("e.acme_other.in")).await;
    bury(&runtime, "shop", "m3", Some("e.acme_shop.in")).await;
    let support = world.client("acme", "support").await;
    let shop = flow("acme", "shop");
    let letters = list(&support.client, &id("acme"), Some(&shop), 10)
        .await
        .unwrap();
    let messages: Vec<&str> = letters
        .iter()
        .map(|letter| letter.message.as_str())
        .collect();
    assert_eq!(messages, ["m1", "m3"]);
    assert_eq!(letters[0].error, "not a number");
    assert_eq!(letters[0].attempts, 5);
    assert_eq!(letters[0].size, "payload of m1".len());
    let all = list(&support.client, &id("acme"), None, 2).await.unwrap();
    assert_eq!(all.len(), 2, "no more than asked for");
    let contents = show(&support.client, &id("acme"), letters[1].id)
        .await
        .unwrap();
    assert_eq!(contents.payload, "payload of m3");
    assert!(
        contents
            .headers
            .iter()
            .any(|(name, _)| name == header::PATH)
    );
    assert_eq!(support.denials(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_letter_is_back_on_its_edge_as_new_and_gone_from_the_list() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let support = world.client("acme", "support").await;
    let tenant = id("acme");
    // Twice: the second time with the count of the first, and within the window for duplicates.
    for count in 1..=2 {
        bury(&runtime, "shop", "m1", Some("e.acme_shop.in")).await;
        let letters = list(&support.client, &tenant, None, 10).await.unwrap();
        redrive(&support.client, &tenant, letters[0].id)
            .await
            .unwrap();
        let edge = runtime.edge("acme", "e.acme_shop.in").await;
        let got = edge.take(count, SOON).await;
        assert_eq!(got, vec!["payload of m1"; count]);
        assert_eq!(list(&support.client, &tenant, None, 10).await.unwrap(), []);
    }
    let admin = world.admin("acme").await;
    let stream = admin
        .context
        .get_stream(tenant.transit_stream().as_str())
        .await
        .unwrap();
    let message = stream
        .direct_get_last_for_subject("e.acme_shop.in")
        .await
        .unwrap();
    let text = |name: &str| message.headers.get(name).map(ToString::to_string);
    assert_eq!(text(header::MESSAGE).as_deref(), Some("m1"));
    assert_eq!(text(header::METADATA).as_deref(), Some(r#"{"id":"x"}"#));
    assert_eq!(text(header::REDRIVEN).as_deref(), Some("1"));
    assert_eq!(text(header::ATTEMPTS), None, "attempts start again");
    assert_eq!(text(header::ERROR), None);
    assert!(text("Nats-Msg-Id").unwrap().ends_with("#redrive1"));
    assert_eq!(support.denials(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_letter_is_gone_and_what_is_not_there_is_not_found() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let support = world.client("acme", "support").await;
    let tenant = id("acme");
    bury(&runtime, "shop", "m1", None).await;
    let id = list(&support.client, &tenant, None, 10).await.unwrap()[0].id;
    assert!(matches!(
        redrive(&support.client, &tenant, id).await,
        Err(Error::NoEdge(_))
    ));
    discard(&support.client, &tenant, id).await.unwrap();
    for missing in [id, 999] {
        assert!(matches!(
            show(&support.client, &tenant, missing).await,
            Err(Error::NotFound(_))
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn support_reads_no_edge_and_runtime_reads_no_letter() {
    let world = world().await;
    let runtime = world.runtime("acme").await;
    let support = world.client("acme", "support").await;
    bury(&runtime, "shop", "m1", None).await;
    let tenant = id("acme");
    assert_eq!(
        list(&support.client, &tenant, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    let dead = format!("$JS.API.DIRECT.GET.{}", tenant.dead_letter_stream());
    runtime
        .client
        .publish(dead.clone(), "{}".into())
        .await
        .unwrap();
    assert!(runtime.denied(&dead).await);
    let transit = tenant.transit_stream();
    for subject in [
        format!("$JS.API.DIRECT.GET.{transit}"),
        format!("$JS.API.CONSUMER.CREATE.{transit}.c.e.>"),
        format!("$JS.API.STREAM.PURGE.{transit}"),
        format!("$KV.leases.{tenant}.acme_shop.in"),
    ] {
        support
            .client
            .publish(subject.clone(), "{}".into())
            .await
            .unwrap();
        assert!(support.denied(&subject).await, "{subject}");
    }
}
