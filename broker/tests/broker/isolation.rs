//! One tenant's credentials against another tenant. Each attack has a positive control: the rightful
//! tenant succeeds with the same request.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use vrsky_plan::{platform, program::Program};

use crate::plans::{Plans, flow, id, program};
use crate::support::{SOON, Spied, World, eventually};

const WAIT: Duration = Duration::from_millis(300);

async fn world() -> World {
    let plans = Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("acme", "shop", &[])
        .flow("globex", "fulfil", &[]);
    World::with(&plans.0).await
}

/// The request fails, and the server says that it was denied.
async fn refused(attacker: &Spied, subject: &str, body: Value) {
    let attempt = attacker
        .client
        .request(subject.to_owned(), body.to_string().into());
    let answer = tokio::time::timeout(WAIT, attempt).await;
    assert!(
        !matches!(answer, Ok(Ok(_))),
        "{subject} was answered: {answer:?}"
    );
    assert!(attacker.denied(subject).await, "{subject} was denied");
}

fn transit(name: &str) -> String {
    id(name).transit_stream().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_into_another_tenants_edge_reaches_only_the_attacker_itself() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", "e.globex_fulfil.in").await;
    acme.publish("e.globex_fulfil.in", "forged").await.unwrap();
    globex.publish("e.globex_fulfil.in", "real").await.unwrap();
    assert_eq!(edge.take(2, WAIT).await, ["real"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_hears_nothing_of_another_tenant() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let mut heard = acme.client.subscribe("e.>").await.unwrap();
    assert!(acme.denied("e.>").await);
    let admin = world.admin("acme").await;
    let mut all = admin.client.subscribe(">").await.unwrap();
    let rightful = world.admin("globex").await;
    let mut own = rightful.client.subscribe("e.>").await.unwrap();
    rightful.is_heard().await;
    admin.is_heard().await;
    globex
        .publish("e.globex_fulfil.in", "secret")
        .await
        .unwrap();
    let control = tokio::time::timeout(SOON, own.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(control.payload, "secret");
    assert!(
        tokio::time::timeout(WAIT, heard.next())
            .await
            .is_err_or_none()
    );
    // Its own question and the answer, at most.
    while let Ok(Some(message)) = tokio::time::timeout(WAIT, all.next()).await {
        assert_ne!(message.payload, "secret");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snooping_on_inboxes_hears_nothing() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    let support = id("acme");
    for prefix in [
        format!("_INBOX_runtime-{}.>", id("globex")),
        format!("_INBOX_support-{support}.>"),
        "_INBOX.>".to_owned(),
        "_INBOX_vrsky-broker.>".to_owned(),
    ] {
        let _heard = acme.client.subscribe(prefix.clone()).await.unwrap();
        assert!(acme.denied(&prefix).await, "{prefix}");
    }
    let own = format!("_INBOX_runtime-{support}.mine");
    let mut heard = acme.client.subscribe(own.clone()).await.unwrap();
    // Stored, so the subscription before it is there.
    acme.publish("e.acme_shop.in", "").await.unwrap();
    let admin = world.admin("acme").await;
    admin.client.publish(own, "for me".into()).await.unwrap();
    let message = tokio::time::timeout(SOON, heard.next()).await.unwrap();
    assert_eq!(message.unwrap().payload, "for me");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_consumers_of_another_tenant_cannot_be_touched() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    globex
        .publish("e.globex_fulfil.in", "precious")
        .await
        .unwrap();
    let (mine, theirs) = (transit("acme"), transit("globex"));
    refused(&acme, "$JS.API.STREAM.CREATE.evil", json!({"name": "evil"})).await;
    for subject in [
        format!("$JS.API.STREAM.PURGE.{theirs}"),
        format!("$JS.API.STREAM.DELETE.{theirs}"),
        format!("$JS.API.STREAM.DELETE.{mine}"),
        format!("$JS.API.STREAM.UPDATE.{mine}"),
        format!("$JS.API.STREAM.INFO.{theirs}"),
        format!("$JS.API.STREAM.MSG.GET.{theirs}"),
        format!("$JS.API.DIRECT.GET.{theirs}"),
        format!("$JS.API.CONSUMER.CREATE.{theirs}.evil.e.>"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{theirs}.x"),
        format!("$JS.API.CONSUMER.DELETE.{theirs}.x"),
        format!("$JS.ACK.{theirs}.x.1.1.1.1.0"),
        "$JS.API.STREAM.NAMES".to_owned(),
        "$JS.API.INFO".to_owned(),
    ] {
        refused(&acme, &subject, json!({})).await;
    }
    let edge = globex.edge("globex", "e.globex_fulfil.in").await;
    assert_eq!(edge.take(1, SOON).await, ["precious"]);
    let purged = globex
        .api(&format!("STREAM.PURGE.{theirs}"), json!({}))
        .await;
    assert_eq!(purged.unwrap()["purged"], 1, "its owner may");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_runtime_writes_a_program_not_even_its_own() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    for name in ["acme", "globex"] {
        for key in ["acme_shop", "globex_fulfil", "index", "acme_new"] {
            let key = format!("{}.{key}", id(name));
            refused(
                &acme,
                &platform::key_subject(platform::PROGRAMS, &key),
                json!({}),
            )
            .await;
        }
    }
    // Not with all rights in the own account either: the platform account does not hear it.
    let admin = world.admin("acme").await;
    let key = platform::program_key(&id("acme"), &flow("acme", "shop"));
    admin
        .client
        .publish(platform::key_subject(platform::PROGRAMS, &key), "{}".into())
        .await
        .unwrap();
    admin.is_heard().await;
    let programs = world.broker.incumbents().await.unwrap();
    assert_eq!(
        *programs[&id("acme")][&flow("acme", "shop")],
        program("acme", "shop", &[])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_leases_and_reports_of_another_tenant_are_unreachable() {
    let world = world().await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let theirs = platform::program_key(&id("globex"), &flow("globex", "fulfil"));
    let program_get = platform::key_get_subject(platform::PROGRAMS, &theirs);
    let lease = format!("{}.globex_fulfil.in", id("globex"));
    let lease_put = platform::key_subject(platform::LEASES, &lease);
    let lease_get = platform::key_get_subject(platform::LEASES, &lease);
    let report = format!("reports.{}.globex_fulfil.p", id("globex"));
    globex.publish(&lease_put, "mine").await.unwrap();
    for subject in [&program_get, &lease_get, &lease_put, &report] {
        refused(&acme, subject, json!({})).await;
    }
    // All rights in one's own account do not help: nothing there answers for another tenant.
    let admin = world.admin("acme").await;
    for subject in [&program_get, &lease_get, &lease_put, &report] {
        let request = admin.client.request(subject.clone(), "{}".into());
        let answer = tokio::time::timeout(WAIT, request).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{subject}: {answer:?}");
    }
    let program = globex.client.request(program_get, "".into()).await.unwrap();
    let program: Program = serde_json::from_slice(&program.payload).unwrap();
    assert_eq!(program.flow, flow("globex", "fulfil"));
    let lease = globex.client.request(lease_get, "".into()).await.unwrap();
    assert_eq!(lease.payload, "mine");
    assert!(globex.publish(&report, "{}").await.is_ok());
    assert_eq!(globex.denials(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_program_reaches_its_tenant_and_no_other() {
    let mut world = world().await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let watch = |name| format!("$KV.programs.{}.>", id(name));
    let mut own = acme.client.subscribe(watch("acme")).await.unwrap();
    let mut others = globex.client.subscribe(watch("acme")).await.unwrap();
    assert!(globex.denied(&watch("acme")).await);
    let admin = world.admin("globex").await;
    let mut all = admin.client.subscribe("$KV.>").await.unwrap();
    acme.publish("e.acme_shop.in", "").await.unwrap();
    admin.is_heard().await;
    let edited = Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("acme", "shop", &["x.orders"])
        .flow("globex", "fulfil", &[]);
    world.apply(&edited.0).await;
    let put = tokio::time::timeout(SOON, own.next())
        .await
        .unwrap()
        .unwrap();
    let put: Program = serde_json::from_slice(&put.payload).unwrap();
    assert_eq!(put, program("acme", "shop", &["x.orders"]));
    assert!(
        tokio::time::timeout(WAIT, others.next())
            .await
            .is_err_or_none()
    );
    assert!(
        tokio::time::timeout(WAIT, all.next())
            .await
            .is_err_or_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readers_account_cannot_reach_behind_its_grant() {
    let plans = Plans::new()
        .tenant("acme")
        .tenant("globex")
        .tenant("initech")
        .flow("acme", "shop", &["x.orders"])
        .grant(
            "acme",
            "globex",
            "fulfil",
            vrsky_plan::grant::Revocation::Drain,
        );
    let world = World::with(&plans.0).await;
    let shared = id("acme").shared_stream();
    for attacker in [world.admin("globex").await, world.admin("initech").await] {
        for subject in [
            format!("$JS.API.CONSUMER.RESET.{shared}.gacmeglobex-fulfil"),
            format!("$JS.API.STREAM.INFO.{shared}"),
            format!("$JS.API.CONSUMER.INFO.{shared}.gacmeglobex-fulfil"),
            format!("$JS.API.DIRECT.GET.{shared}"),
            format!("$JS.API.CONSUMER.CREATE.{shared}.evil.x.>"),
        ] {
            let answer = attacker.client.request(subject.clone(), "{}".into());
            let answer = tokio::time::timeout(WAIT, answer).await;
            let reached = matches!(&answer, Ok(Ok(answer))
                if !String::from_utf8_lossy(&answer.payload).contains("error"));
            assert!(!reached, "{subject}: {answer:?}");
        }
    }
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    acme.publish("x.orders", "shared").await.unwrap();
    let edge = globex.edge("globex", "e.globex_fulfil.in").await;
    assert!(eventually(|| async { edge.take(1, WAIT).await == ["shared"] }).await);
}

/// A subscription that hears nothing is silent, or was closed by the server.
trait Silent {
    fn is_err_or_none(&self) -> bool;
}

impl Silent for Result<Option<async_nats::Message>, tokio::time::error::Elapsed> {
    fn is_err_or_none(&self) -> bool {
        !matches!(self, Ok(Some(_)))
    }
}
