//! Applying plans: what is made, that it is made once, and what goes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vrsky_broker::{Broker, Server, ServerConfig, Verb};
use vrsky_plan::grant::Revocation;
use vrsky_plan::{Plan, platform};

use crate::plans::{Plans, flow, id, program};
use crate::support::{SOON, World, eventually};

fn two_tenants() -> Plan {
    Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("acme", "shop", &["x.orders"])
        .grant("acme", "globex", "fulfil", Revocation::Drain)
        .0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_reads_its_program_and_passes_a_message_with_its_own_credentials() {
    let world = World::with(&two_tenants()).await;
    let acme = world.runtime("acme").await;
    let key = platform::program_key(&id("acme"), &flow("acme", "shop"));
    let subject = platform::key_get_subject(platform::PROGRAMS, &key);
    let answer = acme.client.request(subject, "".into()).await.unwrap();
    let read: vrsky_plan::Program = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(read, program("acme", "shop", &["x.orders"]));
    let edge = acme.edge("acme", "e.acme_shop.in").await;
    acme.publish("e.acme_shop.in", "hello").await.unwrap();
    assert_eq!(edge.take(1, Duration::from_secs(5)).await, ["hello"]);
    assert_eq!(acme.denials(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_apply_writes_nothing() {
    let plan = two_tenants();
    let mut world = World::start().await;
    let first = world.apply(&plan).await;
    assert!(
        first.writes() > 8,
        "the first apply has something to do: {first:?}"
    );
    let second = world.apply(&plan).await;
    assert_eq!(second.actions, []);
    let again = Broker::connect(world.server.url(), &world.keys)
        .await
        .unwrap();
    let third = again.apply(&plan, &world.keys).await.unwrap();
    assert_eq!((third.actions, third.failed), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_to_tenants_are_closed_and_opened_again() {
    let plan = two_tenants();
    let mut world = World::with(&plan).await;
    let system = world.system().await;
    // Its own among them; the broker has one to each of system and platform, and one a tenant.
    let connections = async || {
        let subject = "$SYS.REQ.SERVER.PING.CONNZ";
        let answer = system.client.request(subject, "".into()).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        said["data"]["num_connections"].as_u64().unwrap()
    };
    assert_eq!(connections().await, 5);
    world.broker.close_idle(Duration::from_mins(1), 2).await;
    assert_eq!(connections().await, 5);
    world.broker.close_idle(Duration::from_mins(1), 1).await;
    assert!(eventually(async || connections().await == 4).await);
    world.broker.close_idle(Duration::ZERO, 2).await;
    assert!(eventually(async || connections().await == 3).await);
    assert_eq!(world.apply(&plan).await.actions, []);
    assert_eq!(connections().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_survives_a_restart_of_the_server() {
    let plan = two_tenants();
    let mut world = World::with(&plan).await;
    let acme = world.runtime("acme").await;
    acme.publish("e.acme_shop.in", "kept").await.unwrap();
    let config = ServerConfig {
        port: Some(world.server.port()),
        ..ServerConfig::local(world.folder.path().join("nats"))
    };
    world.server.stop().await;
    world.server = Server::start(&config, &world.keys).await.unwrap();
    world.broker = Broker::connect(world.server.url(), &world.keys)
        .await
        .unwrap();
    assert_eq!(world.apply(&plan).await.actions, []);
    let acme = world.runtime("acme").await;
    let edge = acme.edge("acme", "e.acme_shop.in").await;
    assert_eq!(edge.take(1, Duration::from_secs(5)).await, ["kept"]);
    let programs = world.broker.incumbents().await.unwrap();
    assert_eq!(programs[&id("acme")].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_written_before_their_publishers_and_removed_after_them() {
    let both = Plans::new()
        .tenant("acme")
        .flow("acme", "a-publisher", &["e.acme_z-reader.in"])
        .flow("acme", "z-reader", &[])
        .0;
    let mut world = World::start().await;
    let applied = world.apply(&both).await;
    let order = |verb: Verb, applied: &vrsky_broker::Applied| -> Vec<String> {
        let done = applied.actions.iter().filter(|action| action.verb == verb);
        done.map(|action| action.object.clone()).collect()
    };
    assert_eq!(
        order(Verb::PutProgram, &applied),
        ["acme/z-reader", "acme/a-publisher"]
    );
    let removed = world.apply(&Plans::new().tenant("acme").0).await;
    assert_eq!(
        order(Verb::RemoveProgram, &removed),
        ["acme/a-publisher", "acme/z-reader"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_removed_flow_is_purged_and_counted_and_no_other() {
    let both = Plans::new()
        .tenant("acme")
        .flow("acme", "stays", &[])
        .flow("acme", "goes", &[])
        .0;
    let mut world = World::with(&both).await;
    let acme = world.runtime("acme").await;
    for n in 0..7 {
        acme.publish("e.acme_goes.in", &n.to_string())
            .await
            .unwrap();
        acme.publish("e.acme_stays.in", &n.to_string())
            .await
            .unwrap();
    }
    let less = Plans::new().tenant("acme").flow("acme", "stays", &[]).0;
    let applied = world.apply(&less).await;
    let purges: Vec<_> = applied
        .actions
        .iter()
        .filter(|action| action.verb == Verb::Purge)
        .map(|action| (action.object.as_str(), action.messages))
        .collect();
    assert_eq!(purges, [("e.acme_goes.>", Some(7))]);
    let edge = acme.edge("acme", "e.acme_stays.in").await;
    assert_eq!(edge.take(7, Duration::from_secs(5)).await.len(), 7);
    assert_eq!(world.apply(&less).await.actions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_is_given_time_and_nobody_waits_for_it() {
    let plan = |goes: bool, shop: bool| {
        let mut plans = Plans::new().tenant("acme").tenant("globex");
        for (_, tenant, flow) in [(goes, "acme", "goes"), (shop, "globex", "shop")]
            .into_iter()
            .filter(|(is_there, ..)| *is_there)
        {
            plans = plans.flow(tenant, flow, &[]);
        }
        plans.0
    };
    let world = World::with(&plan(true, false)).await;
    let acme = world.runtime("acme").await;
    for n in 0..3 {
        acme.publish("e.acme_goes.in", &n.to_string())
            .await
            .unwrap();
    }
    let both = BTreeSet::from([id("acme"), id("globex")]);
    let apply = async |plan: &Plan| {
        let applied = world.broker.apply_some(plan, &world.keys, &both).await;
        let applied = applied.unwrap();
        let actions = applied.actions.into_iter();
        let done: Vec<_> = actions
            .filter(|it| {
                matches!(
                    it.verb,
                    Verb::PutProgram | Verb::RemoveProgram | Verb::Purge
                )
            })
            .map(|it| (it.verb, it.object, it.messages))
            .collect();
        (applied.draining, done)
    };
    let waits = BTreeSet::from([id("acme")]);
    let shop = (Verb::PutProgram, "globex/shop".to_owned(), None);
    assert_eq!(
        apply(&plan(false, true)).await,
        (waits.clone(), vec![shop]),
        "the other tenant has what it asked for"
    );
    // Given back, it goes on; what goes again has its time anew.
    assert_eq!(apply(&plan(true, true)).await, (BTreeSet::new(), vec![]));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(apply(&plan(false, true)).await, (waits, vec![]));
    // Nobody reads, so in the end it goes, and what was left is counted.
    let mut end = Vec::new();
    let over = async {
        loop {
            let (draining, done) = apply(&plan(false, true)).await;
            end.extend(done);
            if draining.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, over).await.unwrap();
    let gone = (Verb::RemoveProgram, "acme/goes".to_owned(), None);
    let left = (Verb::Purge, "e.acme_goes.>".to_owned(), Some(3));
    assert_eq!(end, [gone, left]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_edited_with_a_backlog_keeps_it() {
    let plan = Plans::new().tenant("acme").flow("acme", "shop", &[]).0;
    let mut world = World::with(&plan).await;
    let acme = world.runtime("acme").await;
    for n in 0..5 {
        acme.publish("e.acme_shop.in", &n.to_string())
            .await
            .unwrap();
    }
    let edited = Plans::new()
        .tenant("acme")
        .flow("acme", "shop", &["x.more"])
        .change("acme", |tenant| {
            for stream in &mut tenant.streams {
                stream.max_bytes /= 2;
                stream.max_age_seconds *= 2;
            }
        })
        .0;
    let applied = world.apply(&edited).await;
    assert!(
        applied
            .actions
            .iter()
            .any(|action| action.verb == Verb::UpdateStream)
    );
    let edge = acme.edge("acme", "e.acme_shop.in").await;
    assert_eq!(edge.take(5, Duration::from_secs(5)).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_tenant_is_closed_and_starts_empty_when_it_comes_back() {
    let plan = two_tenants();
    let mut world = World::with(&plan).await;
    let acme = world.runtime("acme").await;
    acme.publish("e.acme_shop.in", "old").await.unwrap();
    let without = Plans::new().tenant("globex").0;
    let applied = world.apply(&without).await;
    assert!(
        applied
            .actions
            .iter()
            .any(|action| action.verb == Verb::CloseAccount)
    );
    assert_eq!(
        world.apply(&without).await.actions,
        [],
        "closing is done once"
    );
    let creds = world.keys.credentials(&id("acme"), "runtime").unwrap();
    let refused = async_nats::ConnectOptions::with_credentials(&creds)
        .unwrap()
        .connect(world.server.url())
        .await;
    assert!(refused.is_err(), "a closed account lets nobody in");
    world.apply(&plan).await;
    let acme = world.runtime("acme").await;
    acme.publish("e.acme_shop.in", "new").await.unwrap();
    let edge = acme.edge("acme", "e.acme_shop.in").await;
    assert_eq!(edge.take(2, Duration::from_secs(1)).await, ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_changed_behind_the_brokers_back_is_put_right() {
    let plan = Plans::new().tenant("acme").flow("acme", "shop", &[]).0;
    let mut world = World::with(&plan).await;
    let other = Plans::new()
        .tenant("acme")
        .flow("acme", "shop", &["x.other"])
        .0;
    let second = Broker::connect(world.server.url(), &world.keys)
        .await
        .unwrap();
    second.apply(&other, &world.keys).await.unwrap();
    let applied = world.apply(&plan).await;
    let verbs: Vec<Verb> = applied.actions.iter().map(|action| action.verb).collect();
    assert_eq!(verbs, [Verb::PutProgram, Verb::PutIndex]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_cannot_be_made_does_not_hold_up_the_others() {
    let plan = Plans::new()
        .tenant("acme")
        .tenant("globex")
        .flow("globex", "shop", &[])
        .change("acme", |tenant| tenant.streams[0].max_bytes = 1 << 50)
        .0;
    let mut world = World::start().await;
    world.keys.provide(&plan).unwrap();
    let applied = world.broker.apply(&plan, &world.keys).await.unwrap();
    assert_eq!(applied.failed.len(), 1, "{:?}", applied.failed);
    assert_eq!(applied.failed[0].tenant, id("acme"));
    assert_eq!(applied.failed[0].reason, "BrokerRefused");
    let programs = world.broker.incumbents().await.unwrap();
    assert!(programs.contains_key(&id("globex")));
}

#[test]
fn no_secret_is_in_what_is_printed() {
    let mut keys = vrsky_broker::Keys::generate().unwrap();
    keys.provide(&two_tenants()).unwrap();
    let stored = json!(keys);
    let seed = stored["operator"].as_str().unwrap();
    assert!(seed.starts_with("SO"), "the stored form holds the seed");
    let printed = format!("{keys:?}");
    assert!(!printed.contains(seed) && !printed.contains("\"S"));
    let text = ServerConfig::local("/nowhere").render(&keys).unwrap();
    assert!(!text.contains(seed));
}
