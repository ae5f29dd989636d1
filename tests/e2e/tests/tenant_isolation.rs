//! With acme's credentials against the running dev server: nothing of globex can be read, written,
//! created, acknowledged or overheard, and not even acme's own program can be written. Each attempt
//! is made by the rightful tenant too, and succeeds.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use futures_util::StreamExt as _;
use vrsky_broker::keys::user_name;
use vrsky_e2e::{Dev, Folder, Receiver};
use vrsky_plan::TenantId;

const SOON: Duration = Duration::from_secs(5);

/// A client that keeps what the server refuses.
struct Spy {
    client: Client,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Spy {
    async fn connect(dev: &Dev, tenant: &str) -> Self {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&refused);
        let user = user_name(&TenantId::of(tenant), "runtime");
        let client = ConnectOptions::with_credentials_file(dev.creds(tenant, "runtime"))
            .await
            .unwrap()
            .custom_inbox_prefix(format!("_INBOX_{user}"))
            .event_callback(move |event| {
                if let Event::ServerError(error) = event {
                    kept.lock().unwrap().push(error.to_string());
                }
                async {}
            })
            .connect(dev.nats().unwrap())
            .await
            .unwrap();
        Self { client, refused }
    }

    /// Whether the server refuses a publish to `subject`.
    async fn publish(&self, subject: &str) -> bool {
        self.client
            .publish(subject.to_owned(), "{}".into())
            .await
            .unwrap();
        self.client.flush().await.unwrap();
        self.is_refused(subject).await
    }

    /// Whether the server refuses a subscription to `subject`.
    async fn subscribe(&self, subject: &str) -> bool {
        let _subscription = self.client.subscribe(subject.to_owned()).await.unwrap();
        self.client.flush().await.unwrap();
        self.is_refused(subject).await
    }

    /// The server's complaint comes on its own, within milliseconds.
    async fn is_refused(&self, subject: &str) -> bool {
        let complaint = format!("\"{}\"", subject.to_lowercase());
        let refused = || {
            let refused = self.refused.lock().unwrap();
            refused
                .iter()
                .any(|it| it.to_lowercase().contains(&complaint))
                .then_some(())
        };
        vrsky_e2e::until(Duration::from_millis(700), refused)
            .await
            .is_some()
    }
}

async fn dev(receiver: &Receiver) -> (Folder, Dev) {
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    (folder, dev)
}

#[tokio::test(flavor = "multi_thread")]
async fn publishes_and_subscriptions_across_the_border_are_refused() {
    let receiver = Receiver::start().await.unwrap();
    let (_folder, dev) = dev(&receiver).await;
    let (thief, owner) = (
        Spy::connect(&dev, "acme").await,
        Spy::connect(&dev, "globex").await,
    );
    let id = TenantId::of("globex");
    let inbox = format!("_INBOX_{}.>", user_name(&id, "runtime"));
    for subject in [format!("$KV.programs.{id}.>"), inbox] {
        assert!(
            thief.subscribe(&subject).await,
            "acme may subscribe to {subject}"
        );
        assert!(
            !owner.subscribe(&subject).await,
            "globex may not subscribe to {subject}"
        );
    }
    for subject in [
        format!("$KV.leases.{id}.globex_fulfil.spy"),
        format!("reports.{id}.globex_fulfil.spy"),
        format!("$JS.ACK.T_{id}.spy.1.1.1.1.1"),
        format!("$JS.API.CONSUMER.DELETE.T_{id}.spy"),
        format!("$JS.API.CONSUMER.MSG.NEXT.T_{id}.spy"),
        format!("$JS.API.STREAM.INFO.T_{id}"),
    ] {
        assert!(
            thief.publish(&subject).await,
            "acme may publish to {subject}"
        );
        assert!(
            !owner.publish(&subject).await,
            "globex may not publish to {subject}"
        );
    }
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_on_anothers_stream_is_refused() {
    let receiver = Receiver::start().await.unwrap();
    let (_folder, dev) = dev(&receiver).await;
    let (thief, owner) = (
        Spy::connect(&dev, "acme").await,
        Spy::connect(&dev, "globex").await,
    );
    let stream = TenantId::of("globex").transit_stream();
    let subject = format!("$JS.API.CONSUMER.CREATE.{stream}.spy.e.globex_fulfil.in");
    let request = serde_json::json!({"stream_name": stream.as_str(), "config": {
        "name": "spy", "filter_subject": "e.globex_fulfil.in", "ack_policy": "none", "mem_storage": true,
        "inactive_threshold": 5_000_000_000_u64,
    }});
    let ask = |client: Client| {
        let (subject, body) = (subject.clone(), request.to_string());
        async move { tokio::time::timeout(SOON, client.request(subject, body.into())).await }
    };
    let refused = ask(thief.client.clone());
    let refused = tokio::time::timeout(Duration::from_secs(2), refused).await;
    assert!(
        !matches!(refused, Ok(Ok(Ok(_)))),
        "acme got an answer: {refused:?}"
    );
    assert!(thief.is_refused(&subject).await);
    let answer = ask(owner.client.clone()).await.unwrap().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    assert_eq!(answer["config"]["filter_subject"], "e.globex_fulfil.in");
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_anothers_flow_stays_in_ones_own_account() {
    let receiver = Receiver::start().await.unwrap();
    let (_folder, dev) = dev(&receiver).await;
    let (thief, owner) = (
        Spy::connect(&dev, "acme").await,
        Spy::connect(&dev, "globex").await,
    );
    let order = |id: &str| serde_json::json!({"id": id, "total": 1.5, "country": "DE"}).to_string();
    // Both accounts have a subject of this name; the border is the account.
    for (spy, id) in [(&thief, "forged"), (&owner, "rightful")] {
        spy.client
            .publish("e.globex_fulfil.in", order(id).into())
            .await
            .unwrap();
        spy.client.flush().await.unwrap();
    }
    receiver
        .wait_at("/warehouse", 1, Duration::from_secs(20))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arrived: Vec<String> = receiver.ids("/warehouse", "order").into_iter().collect();
    assert_eq!(arrived, ["rightful"]);
    assert!(dev.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_runtime_writes_a_program() {
    let receiver = Receiver::start().await.unwrap();
    let (folder, dev) = dev(&receiver).await;
    let (thief, owner) = (
        Spy::connect(&dev, "acme").await,
        Spy::connect(&dev, "globex").await,
    );
    for (tenant, flow) in [("acme", "acme_shop-orders"), ("globex", "globex_fulfil")] {
        let key = format!("$KV.programs.{}.{flow}", TenantId::of(tenant));
        assert!(thief.publish(&key).await, "acme may write {key}");
        assert!(owner.publish(&key).await, "globex may write {key}");
    }
    // The control: whoever may, does, and each tenant hears of its own program.
    let own = format!("$KV.programs.{}.>", TenantId::of("globex"));
    let mut heard = owner.client.subscribe(own).await.unwrap();
    owner.client.flush().await.unwrap();
    let mark = dev.mark();
    folder
        .edit("globex/flow.yaml", "attempts: 20", "attempts: 21")
        .unwrap();
    dev.wait_applied(mark).await.unwrap();
    let program = tokio::time::timeout(SOON, heard.next())
        .await
        .unwrap()
        .unwrap();
    assert!(String::from_utf8_lossy(&program.payload).contains("\"attempts\":21"));
    assert!(dev.stop().unwrap().success());
}
