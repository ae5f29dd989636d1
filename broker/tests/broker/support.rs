//! Fixtures: a server, plans made by hand, clients with a tenant's own credentials.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer::pull};
use async_nats::{Client, ConnectOptions, Event};
use serde_json::json;
use vrsky_broker::{Applied, Broker, Keys, Server, ServerConfig};
use vrsky_plan::grant::Revocation;
use vrsky_plan::program::{Condition, Input, Output, Source, Stage, Target};
use vrsky_plan::tenant::{Limits, Permissions, Stream, StreamRole};
use vrsky_plan::{
    ConsumerName, EdgeName, FlowId, Import, Plan, Program, Subject, Tenant, TenantId, TenantName,
};

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
            inactive_threshold: Duration::from_hours(1),
            ..Default::default()
        };
        let consumer = self
            .context
            .get_stream_no_info(&stream)
            .await
            .unwrap()
            .create_consumer(config)
            .await
            .unwrap();
        Edge { consumer }
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
        while taken.len() < count {
            let mut batch = self
                .consumer
                .fetch()
                .max_messages((count - taken.len()).min(500))
                .messages()
                .await
                .unwrap();
            let before = taken.len();
            while let Some(message) = batch.next().await {
                let message = message.unwrap();
                message.ack().await.unwrap();
                taken.push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
            if taken.len() == before {
                let more = eventually_within(wait, || async {
                    let info = self.consumer.get_info().await.unwrap();
                    info.num_pending > 0
                })
                .await;
                if !more {
                    break;
                }
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

pub(crate) fn id(name: &str) -> TenantId {
    TenantId::of(name)
}

pub(crate) fn flow(tenant: &str, name: &str) -> FlowId {
    FlowId::new(tenant, name).unwrap()
}

/// A plan under construction.
pub(crate) struct Plans(pub(crate) Plan);

impl Plans {
    pub(crate) fn new() -> Self {
        Self(Plan::empty())
    }

    /// A tenant with nothing but its streams.
    pub(crate) fn tenant(mut self, name: &str) -> Self {
        self.0
            .tenants
            .insert(TenantName::new(name).unwrap(), tenant(name));
        self
    }

    pub(crate) fn change(mut self, name: &str, change: impl FnOnce(&mut Tenant)) -> Self {
        change(
            self.0
                .tenants
                .get_mut(&TenantName::new(name).unwrap())
                .unwrap(),
        );
        self
    }

    /// A flow that takes messages in and publishes them to these subjects.
    pub(crate) fn flow(self, owner: &str, name: &str, publish: &[&str]) -> Self {
        let program = program(owner, name, publish);
        self.change(owner, |tenant| {
            tenant.programs.insert(program.flow.clone(), program);
        })
    }

    /// `owner` grants its topic `orders` to the flow `reader/<flow>`.
    pub(crate) fn grant(self, owner: &str, reader: &str, name: &str, mode: Revocation) -> Self {
        let owner_id = id(owner);
        let import = Import {
            owner: TenantName::new(owner).unwrap(),
            stream: owner_id.shared_stream(),
            grant: format!("{owner}/orders-for-{reader}"),
            topic: "orders".to_owned(),
            filter: Subject::new("x.orders").unwrap(),
            consumer: ConsumerName::new(format!("g{owner}{reader}-{name}")).unwrap(),
            flow: flow(reader, name),
            into: flow(reader, name).edge_subject(&EdgeName::ingress()),
            revocation: mode,
            expires: None,
            owner_id,
        };
        let shared = stream(&id(owner), StreamRole::Shared);
        let plans = self.change(owner, |tenant| {
            if !tenant.streams.contains(&shared) {
                tenant.streams.push(shared);
            }
        });
        plans
            .flow(reader, name, &[])
            .change(reader, |tenant| tenant.imports.push(import))
    }

    /// The plan with one role's permissions replaced.
    pub(crate) fn role(self, name: &str, role: &str, publish: &[&str], subscribe: &[&str]) -> Self {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let permissions = Permissions {
            publish: words(publish),
            subscribe: words(subscribe),
        };
        self.change(name, |tenant| {
            tenant.roles.insert(role.to_owned(), permissions);
        })
    }

    /// The plan without any import of `reader`.
    pub(crate) fn revoked(self, reader: &str) -> Self {
        self.change(reader, |tenant| tenant.imports.clear())
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    let id = id(name);
    Tenant {
        limits: Limits {
            disk_storage: 1 << 30,
            memory_storage: 64 << 20,
            streams: 5,
            consumers: 200,
            connections: 50,
            payload: 1 << 20,
        },
        streams: vec![
            stream(&id, StreamRole::DeadLetters),
            stream(&id, StreamRole::Transit),
        ],
        roles: roles(&id),
        imports: Vec::new(),
        programs: BTreeMap::new(),
        id,
    }
}

pub(crate) fn stream(tenant: &TenantId, role: StreamRole) -> Stream {
    let (name, subject) = match role {
        StreamRole::Transit => (tenant.transit_stream(), "e.>"),
        StreamRole::DeadLetters => (tenant.dead_letter_stream(), "d.>"),
        StreamRole::Shared => (tenant.shared_stream(), "x.>"),
    };
    Stream {
        name,
        role,
        subjects: vec![subject.to_owned()],
        max_bytes: 64 << 20,
        max_age_seconds: 3600,
        max_messages_per_subject: 100_000,
        max_message_size: 1 << 20,
        replicas: 1,
    }
}

/// The table of docs/broker.md.
pub(crate) fn roles(tenant: &TenantId) -> BTreeMap<String, Permissions> {
    let transit = tenant.transit_stream();
    let dead = tenant.dead_letter_stream();
    let runtime = Permissions {
        publish: vec![
            format!("$JS.ACK.{transit}.>"),
            format!("$JS.API.CONSUMER.CREATE.{transit}.*.e.>"),
            format!("$JS.API.CONSUMER.DELETE.{transit}.*"),
            format!("$JS.API.CONSUMER.INFO.{transit}.*"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{transit}.*"),
            format!("$JS.API.DIRECT.GET.KV_leases.$KV.leases.{tenant}.>"),
            format!("$JS.API.DIRECT.GET.KV_programs.$KV.programs.{tenant}.>"),
            format!("$JS.API.STREAM.PURGE.{transit}"),
            format!("$KV.leases.{tenant}.>"),
            "d.>".to_owned(),
            "e.>".to_owned(),
            format!("reports.{tenant}.>"),
            "x.>".to_owned(),
        ],
        subscribe: vec![
            format!("$KV.programs.{tenant}.>"),
            "_INBOX_<user>.>".to_owned(),
        ],
    };
    let support = Permissions {
        publish: vec![
            format!("$JS.API.DIRECT.GET.{dead}"),
            format!("$JS.API.STREAM.MSG.DELETE.{dead}"),
            "e.>".to_owned(),
        ],
        subscribe: vec!["_INBOX_<user>.>".to_owned()],
    };
    BTreeMap::from([
        ("runtime".to_owned(), runtime),
        ("support".to_owned(), support),
    ])
}

pub(crate) fn program(tenant: &str, name: &str, publish: &[&str]) -> Program {
    let flow = flow(tenant, name);
    let subject = flow.edge_subject(&EdgeName::ingress());
    let publish = publish.iter().map(|to| Subject::new(*to).unwrap());
    let output = Output {
        path: "spec.sinks.out".to_owned(),
        condition: Condition::Always,
        steps: Vec::new(),
        target: Target::Topic {
            topic: "orders".to_owned(),
            contract: json!({}),
            publish: publish.collect(),
        },
    };
    let stage = Stage {
        subject,
        input: Input {
            schema: json!({}),
            check: false,
            path: "spec.source".to_owned(),
        },
        steps: Vec::new(),
        outputs: BTreeMap::from([("out".to_owned(), output)]),
        on_error: Vec::new(),
    };
    Program {
        version: vrsky_plan::VERSION,
        hash: String::new(),
        tenant: TenantName::new(tenant).unwrap(),
        tenant_id: id(tenant),
        flow,
        generation: 0,
        suspended: false,
        source: Source::Topic {
            topic: format!("{tenant}/in"),
        },
        stages: BTreeMap::from([(EdgeName::ingress(), stage)]),
        dead_letter_seconds: 600,
        max_payload: 1 << 20,
    }
    .sealed()
}
