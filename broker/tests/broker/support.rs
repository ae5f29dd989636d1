//! Fixtures: a server, and clients with a tenant's own credentials.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer::pull};
use async_nats::{Client, ConnectOptions, Event};
use serde_json::json;
use vrsky_broker::{Applied, Broker, Keys, Server, ServerConfig};
use vrsky_plan::Plan;

use crate::plans::id;

/// How long a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A server with its broker. Dropped: the server is killed, its files go.
pub(crate) struct World {
    pub(crate) keys: Keys,
    pub(crate) broker: Broker,
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate().unwrap();
        let config = ServerConfig::local(folder.path().join("nats"));
        let server = Server::start(&config, &keys).await.unwrap();
        let broker = Broker::connect(server.url(), &keys).await.unwrap();
        Self {
            keys,
            broker,
            server,
            folder,
        }
    }

    /// A server on which `plan` is true.
    pub(crate) async fn with(plan: &Plan) -> Self {
        let mut world = Self::start().await;
        world.apply(plan).await;
        world
    }

    /// Applies; nothing may fail.
    pub(crate) async fn apply(&mut self, plan: &Plan) -> Applied {
        self.keys.provide(plan).unwrap();
        let applied = self.broker.apply(plan, &self.keys).await.unwrap();
        assert_eq!(applied.failed, [], "the apply failed in part");
        applied
    }

    /// A client with a tenant's own credentials.
    pub(crate) async fn client(&self, name: &str, role: &str) -> Spied {
        let tenant = id(name);
        let creds = self.keys.credentials(&tenant, role).unwrap();
        let user = vrsky_broker::keys::user_name(&tenant, role);
        let options = ConnectOptions::with_credentials(&creds)
            .unwrap()
            .custom_inbox_prefix(format!("_INBOX_{user}"));
        self.connect(options).await.unwrap()
    }

    /// A client with all rights in a tenant's account, as nobody but the operator has.
    pub(crate) async fn admin(&self, name: &str) -> Spied {
        let stored = json!(self.keys);
        let seed = stored["tenants"][id(name).as_str()]["account"].clone();
        self.forged(seed.as_str().unwrap(), |_| {}).await.unwrap()
    }

    /// A client of the system account.
    pub(crate) async fn system(&self) -> Spied {
        let stored = json!(self.keys);
        let seed = stored["system"].as_str().unwrap();
        self.forged(seed, |_| {}).await.unwrap()
    }

    /// A client whose token is made here, signed by `seed`.
    pub(crate) async fn forged(
        &self,
        seed: &str,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Result<Spied, async_nats::ConnectError> {
        let user = nkeys::KeyPair::new_user();
        let signer = nkeys::KeyPair::from_seed(seed).unwrap();
        let mut claims = json!({
            "name": "forged",
            "sub": user.public_key(),
            "nats": {"subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2},
        });
        change(&mut claims);
        let token = vrsky_broker::jwt::sign(&claims, 1_700_000_000, &signer).unwrap();
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        );
        let options = ConnectOptions::with_credentials(&creds).unwrap();
        self.connect(options).await
    }

    async fn connect(&self, options: ConnectOptions) -> Result<Spied, async_nats::ConnectError> {
        let denied: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = denied.clone();
        let client = options
            .event_callback(move |event| {
                let seen = seen.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        seen.lock().unwrap().push(error.to_string());
                    }
                }
            })
            .connect(self.server.url())
            .await?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(Duration::from_secs(2));
        Ok(Spied {
            client,
            context,
            denied,
        })
    }

    pub(crate) async fn runtime(&self, name: &str) -> Spied {
        self.client(name, "runtime").await
    }
}

/// A client that notes what the server denied.
#[derive(Clone)]
pub(crate) struct Spied {
    pub(crate) client: Client,
    pub(crate) context: jetstream::Context,
    denied: Arc<Mutex<Vec<String>>>,
}

impl Spied {
    /// An acknowledged publish.
    pub(crate) async fn publish(&self, subject: &str, payload: &str) -> Result<u64, String> {
        let sent = self
            .context
            .publish(subject.to_owned(), payload.to_owned().into())
            .await
            .map_err(|error| error.to_string())?;
        sent.await
            .map(|ack| ack.sequence)
            .map_err(|error| error.to_string())
    }

    /// A request of the JetStream API; the answer's `error` is an `Err`.
    pub(crate) async fn api(
        &self,
        subject: &str,
        body: serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        let answer: serde_json::Value = self
            .context
            .request(subject.to_owned(), &body)
            .await
            .map_err(|error| error.to_string())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer),
        }
    }

    /// Everything that lies on one subject of the transit stream, by a consumer of its own.
    pub(crate) async fn edge(&self, name: &str, subject: &str) -> Edge {
        let stream = id(name).transit_stream().to_string();
        let consumer = format!(
            "test-{}",
            COUNTER.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
        );
        let config = pull::Config {
            name: Some(consumer.clone()),
            filter_subject: subject.to_owned(),
            ack_policy: jetstream::consumer::AckPolicy::All,
            memory_storage: true,
            num_replicas: 1,
            max_ack_pending: 5000,
            ack_wait: SOON,
            inactive_threshold: Duration::from_hours(1),
            ..Default::default()
        };
        let stream = self.context.get_stream_no_info(&stream).await.unwrap();
        // Unanswered or refused while a cluster elects: the same request again is the same consumer.
        let mut refused = None;
        for _ in 0..60 {
            match stream.create_consumer(config.clone()).await {
                Ok(consumer) => return Edge { consumer },
                Err(error) => refused = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{subject}: {refused:?}");
    }

    /// Returns when the server has taken in what an admin's connection has sent so far; a flush would
    /// only hand it to the socket.
    pub(crate) async fn is_heard(&self) {
        self.api("INFO", serde_json::json!({})).await.unwrap();
    }

    /// Waits until the server has denied something that mentions `subject`.
    pub(crate) async fn denied(&self, subject: &str) -> bool {
        eventually(|| async {
            let denied = self.denied.lock().unwrap();
            denied
                .iter()
                .any(|text| text.contains("ermissions") && text.contains(subject))
        })
        .await
    }

    /// Everything that was denied so far.
    pub(crate) fn denials(&self) -> Vec<String> {
        self.denied.lock().unwrap().clone()
    }
}

static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

/// A consumer of one edge.
pub(crate) struct Edge {
    pub(crate) consumer: jetstream::consumer::Consumer<pull::Config>,
}

impl Edge {
    /// Up to `count` payloads; fewer if nothing more comes for `wait`.
    pub(crate) async fn take(&self, count: usize, wait: Duration) -> Vec<String> {
        use futures_util::StreamExt;
        let mut taken = Vec::new();
        let mut last = Instant::now();
        // Asked for, not looked up: what was sent to a connection that broke is not pending and
        // comes again.
        while taken.len() < count && last.elapsed() < wait {
            let mut batch = self
                .consumer
                .fetch()
                .max_messages((count - taken.len()).min(500))
                .messages()
                .await
                .unwrap();
            let before = taken.len();
            // An error: 503 while nobody leads, say. It is asked again.
            while let Some(Ok(message)) = batch.next().await {
                message.ack().await.unwrap();
                taken.push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
            if taken.len() > before {
                last = Instant::now();
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        taken
    }
}

/// True as soon as `check` is; false after [`SOON`].
pub(crate) async fn eventually<F: Future<Output = bool>>(check: impl FnMut() -> F) -> bool {
    eventually_within(SOON, check).await
}

pub(crate) async fn eventually_within<F: Future<Output = bool>>(
    bound: Duration,
    mut check: impl FnMut() -> F,
) -> bool {
    let start = Instant::now();
    loop {
        if check().await {
            return true;
        }
        if start.elapsed() > bound {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
