//! Tokens and accounts, trap by trap.

use std::time::Duration;

use serde_json::{Value, json};
use vrsky_broker::{Verb, jwt};

use crate::plans::{Plans, id};
use crate::support::{World, eventually};

fn account_seed(world: &World, name: &str) -> String {
    let stored = json!(world.keys);
    let seed = &stored["tenants"][id(name).as_str()]["account"];
    seed.as_str().unwrap().to_owned()
}

async fn held(world: &World, name: &str) -> Value {
    let seed = account_seed(world, name);
    let account = nkeys::KeyPair::from_seed(&seed).unwrap().public_key();
    let system = world.system().await;
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
    let answer = system.client.request(subject, "".into()).await.unwrap();
    jwt::claims(std::str::from_utf8(&answer.payload).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_allow_list_allows_everything_so_none_is_ever_written() {
    let plans = Plans::new()
        .tenant("acme")
        .role("acme", "mute", &[], &["_INBOX_<user>.>"]);
    let world = World::with(&plans.0).await;
    // The trap: a token with an empty list.
    let trapped = world
        .forged(&account_seed(&world, "acme"), |claims| {
            claims["nats"]["pub"] = json!({"allow": []});
        })
        .await
        .unwrap();
    trapped.publish("e.acme_shop.in", "through").await.unwrap();
    // A role without subjects, as it is written here.
    let mute = world.client("acme", "mute").await;
    mute.client
        .publish("e.acme_shop.in", "not through".into())
        .await
        .unwrap();
    assert!(mute.denied("e.acme_shop.in").await);
    let runtime = world.runtime("acme").await;
    let edge = runtime.edge("acme", "e.acme_shop.in").await;
    let got = edge.take(2, Duration::from_millis(300)).await;
    assert_eq!(got, ["through"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoped_user_that_brings_its_own_permissions_is_refused() {
    let world = World::with(&Plans::new().tenant("acme").0).await;
    let stored = json!(world.keys);
    let tenant = &stored["tenants"][id("acme").as_str()];
    let signing = tenant["roles"]["support"]["signing"].as_str().unwrap();
    let account = nkeys::KeyPair::from_seed(&account_seed(&world, "acme")).unwrap();
    let scoped = |permissions: Option<Value>| {
        let account = account.public_key();
        move |claims: &mut Value| {
            claims["nats"] = json!({"issuer_account": account, "type": "user", "version": 2});
            if let Some(permissions) = permissions {
                claims["nats"]["pub"] = permissions;
            }
        }
    };
    let greedy = Some(json!({"allow": [">"]}));
    assert!(world.forged(signing, scoped(greedy)).await.is_err());
    assert!(world.forged(signing, scoped(None)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signed_by_anothers_account_is_refused() {
    let plans = Plans::new().tenant("acme").tenant("globex");
    let world = World::with(&plans.0).await;
    let globex = nkeys::KeyPair::from_seed(&account_seed(&world, "globex")).unwrap();
    let forged = world
        .forged(&account_seed(&world, "acme"), |claims| {
            claims["nats"]["issuer_account"] = json!(globex.public_key());
        })
        .await;
    assert!(forged.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_the_default_inbox_is_denied_and_one_with_its_own_prefix_works() {
    let world = World::with(&Plans::new().tenant("acme").0).await;
    let creds = world.keys.credentials(&id("acme"), "runtime").unwrap();
    let plain = async_nats::ConnectOptions::with_credentials(&creds)
        .unwrap()
        .request_timeout(Some(Duration::from_millis(300)))
        .connect(world.server.url())
        .await
        .unwrap();
    let subject = format!("$JS.API.CONSUMER.INFO.{}.none", id("acme").transit_stream());
    assert!(plain.request(subject.clone(), "".into()).await.is_err());
    let runtime = world.runtime("acme").await;
    assert!(runtime.client.request(subject, "".into()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_issue_only_grow_and_an_equal_account_is_not_pushed() {
    let plan = |streams| {
        Plans::new()
            .tenant("acme")
            .change("acme", |tenant| tenant.limits.streams = streams)
            .0
    };
    let mut world = World::with(&plan(5)).await;
    let mut last = jwt::issued_at(&held(&world, "acme").await);
    for streams in [6, 7, 8, 9] {
        let applied = world.apply(&plan(streams)).await;
        let verbs: Vec<Verb> = applied.actions.iter().map(|action| action.verb).collect();
        assert_eq!(verbs, [Verb::PushAccount]);
        let claims = held(&world, "acme").await;
        assert_eq!(claims["nats"]["limits"]["streams"], streams);
        assert!(jwt::issued_at(&claims) > last);
        last = jwt::issued_at(&claims);
        assert_eq!(world.apply(&plan(streams)).await.actions, []);
        assert_eq!(jwt::issued_at(&held(&world, "acme").await), last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_limits_disturbs_no_connection_and_changing_a_role_brings_new_rights() {
    let plans = || Plans::new().tenant("acme");
    let mut world = World::with(&plans().0).await;
    let runtime = world.runtime("acme").await;
    let connected = || runtime.client.server_info().client_id;
    let before = connected();
    world
        .apply(&plans().change("acme", |tenant| tenant.limits.streams = 9).0)
        .await;
    runtime
        .publish("e.acme_shop.in", "same connection")
        .await
        .unwrap();
    assert_eq!(connected(), before);
    let more = plans().change("acme", |tenant| {
        let role = tenant.roles.get_mut("runtime").unwrap();
        role.publish.push("$JS.API.STREAM.NAMES".to_owned());
    });
    assert!(runtime.api("STREAM.NAMES", json!({})).await.is_err());
    world.apply(&more.0).await;
    let allowed = eventually(|| async { runtime.api("STREAM.NAMES", json!({})).await.is_ok() });
    assert!(allowed.await, "the new right arrives without a new token");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold() {
    let plans = Plans::new()
        .tenant("acme")
        .flow("acme", "shop", &[])
        .change("acme", |tenant| {
            tenant.limits.connections = 2;
            tenant.limits.streams = 2;
            tenant.limits.payload = 1000;
        });
    let world = World::with(&plans.0).await;
    let first = world.runtime("acme").await;
    let _second = world.runtime("acme").await;
    let creds = world.keys.credentials(&id("acme"), "runtime").unwrap();
    let third = async_nats::ConnectOptions::with_credentials(&creds)
        .unwrap()
        .connect(world.server.url())
        .await;
    assert!(third.is_err(), "two and the broker's own are in");
    first
        .publish("e.acme_shop.in", &"x".repeat(900))
        .await
        .unwrap();
    assert!(
        first
            .publish("e.acme_shop.in", &"x".repeat(2000))
            .await
            .is_err()
    );
    let again = world.broker.apply(&plans.0, &world.keys).await.unwrap();
    assert_eq!((again.actions, again.failed), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_does_not_fit_the_server_is_a_failure_that_says_so() {
    let plans = Plans::new().tenant("acme").change("acme", |tenant| {
        tenant.limits.disk_storage = 1 << 60;
    });
    let mut world = World::start().await;
    world.keys.provide(&plans.0).unwrap();
    let applied = world.broker.apply(&plans.0, &world.keys).await.unwrap();
    assert_eq!(applied.failed.len(), 1, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_keys_give_the_same_credentials_within_4096_bytes() {
    let world = World::with(&Plans::new().tenant("acme").0).await;
    let creds = world.keys.credentials(&id("acme"), "runtime").unwrap();
    assert_eq!(
        creds,
        world.keys.credentials(&id("acme"), "runtime").unwrap()
    );
    let stored = serde_json::to_string(&world.keys).unwrap();
    let read: vrsky_broker::Keys = serde_json::from_str(&stored).unwrap();
    assert_eq!(creds, read.credentials(&id("acme"), "runtime").unwrap());
    let token = creds.lines().nth(1).unwrap();
    assert!(token.len() < 4096);
    assert!(world.keys.credentials(&id("acme"), "nobody").is_err());
}
