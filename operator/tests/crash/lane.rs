//! A world of one's own: a model of the API server, a real nats-server, and operators that come and
//! go. Several stand beside each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::oneshot;
use tower::ServiceExt;
use vrsky_broker::{Keys, Server, ServerConfig};
use vrsky_operator::config::Config;
use vrsky_operator::health::{self, Health};
use vrsky_operator::operator::Operator;

use crate::gate::Gate;
use crate::model::{Model, Store};
use crate::wire::Wire;

/// The operator's own namespace.
pub(crate) const OWN: &str = "vrsky-system";
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// A world.
pub(crate) struct Lane {
    pub(crate) model: Model,
    pub(crate) keys: Keys,
    wire: Wire,
    server: Option<Server>,
    folder: tempfile::TempDir,
}

/// A moment of a world.
pub(crate) struct Moment {
    store: Store,
    folder: PathBuf,
}

/// A running operator.
pub(crate) struct Life {
    pub(crate) gate: Arc<Gate>,
    health: Arc<Health>,
    stop: oneshot::Sender<()>,
    has_ended: oneshot::Receiver<()>,
}

impl Lane {
    /// A world in which nothing is but the operator's namespace and its keys, whom the server trusts.
    pub(crate) async fn new(keys: &Keys) -> Self {
        let model = Model::new();
        for name in [OWN, "default"] {
            let namespace = json!({"metadata": {"name": name}});
            let (status, _) = model.ask(&Method::POST, "/api/v1/namespaces", "", &namespace);
            assert!(status.is_success());
        }
        let text = serde_json::to_vec(keys).unwrap();
        let secret = json!({
            "metadata": {"name": "vrsky-keys"},
            "data": {"keys.json": data_encoding::BASE64.encode(&text)},
        });
        let secrets = format!("/api/v1/namespaces/{OWN}/secrets");
        let (status, _) = model.ask(&Method::POST, &secrets, "", &secret);
        assert!(status.is_success());
        let mut lane = Self {
            model,
            keys: keys.clone(),
            wire: Wire::new().await,
            server: None,
            folder: tempfile::tempdir().unwrap(),
        };
        lane.start_server().await;
        lane
    }

    /// An operator.
    pub(crate) fn start(&self) -> Life {
        let life = self.start_without_nats();
        self.lead_to_nats(&life);
        life
    }

    /// NATS can be reached from now on.
    pub(crate) fn lead_to_nats(&self, life: &Life) {
        self.wire.lead(self.server().port(), &life.gate);
    }

    /// An operator that cannot reach NATS.
    pub(crate) fn start_without_nats(&self) -> Life {
        let gate = Arc::new(Gate::default());
        let health = Arc::new(Health::default());
        self.wire.lead(0, &gate);
        let config: Config = serde_json::from_value(json!({
            "nats": {"url": self.wire.url()},
            "runtime": {"image": "registry.example/vrsky-runtime:0.1.0"},
        }))
        .unwrap();
        let (client, known) = (self.model.client(&gate), Arc::clone(&health));
        let (stop, stopped) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        // A runtime of its own: what it has started ends with it, as threads end with a process.
        std::thread::spawn(move || {
            let mut runtime = runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async move {
                let operating = async {
                    let operator = Operator::new(config, client, OWN, "operator", known);
                    operator.await.unwrap().run().await;
                };
                tokio::select! {
                    () = operating => {}
                    _ = stopped => {}
                }
            });
            drop(runtime);
            let _nobody_may_wait = ended.send(());
        });
        Life {
            gate,
            health,
            stop,
            has_ended,
        }
    }

    /// The server itself, for those who look.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The server's files.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("nats")
    }

    /// Everything as it is now, to be put back later; `into` is a folder for it.
    pub(crate) async fn keep(&mut self, into: &Path) -> Moment {
        self.server.take().unwrap().stop().await;
        let _there_is_none = std::fs::remove_dir_all(into);
        copy(&self.store(), into);
        self.start_server().await;
        Moment {
            store: self.model.copy(),
            folder: into.to_owned(),
        }
    }

    /// Puts everything back as it was.
    pub(crate) async fn put_back(&mut self, moment: &Moment) {
        self.server.take().unwrap().kill();
        std::fs::remove_dir_all(self.store()).unwrap();
        copy(&moment.folder, &self.store());
        self.model.put_back(&moment.store);
        self.start_server().await;
    }

    async fn start_server(&mut self) {
        let config = ServerConfig::local(self.store());
        self.server = Some(Server::start(&config, &self.keys).await.unwrap());
    }
}

impl Life {
    /// Waits until a whole round has been made in which nothing was waited for.
    pub(crate) async fn ready(&self) {
        let began = Instant::now();
        while self.page("/readyz").await.is_none() || self.rounds().await == 0 {
            assert!(
                began.elapsed() < PATIENCE,
                "{:?}",
                self.page("/metrics").await
            );
            assert!(!self.stop.is_closed(), "it has ended");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until something is written: a watch that has to list again first pauses, longer on a busy
    /// machine than anything is quiet.
    pub(crate) async fn wrote(&self, why: &str) {
        let began = Instant::now();
        while self.gate.count() == 0 {
            assert!(began.elapsed() < PATIENCE, "{why}: nothing happens");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What was written, but for what is only said: statuses and events.
    pub(crate) fn done(&self) -> Vec<String> {
        let mut writes = self.gate.writes();
        writes.retain(|write| {
            let is_event = write.ends_with("/events") || write.contains("/events/");
            !write.ends_with("/status") && !is_event
        });
        writes
    }

    /// Waits until nothing has happened for so long.
    pub(crate) async fn quiet(&self, long: Duration) {
        let began = Instant::now();
        let (mut last, mut since) = (None, Instant::now());
        while since.elapsed() < long {
            assert!(
                began.elapsed() < PATIENCE,
                "no end: {:?}",
                self.gate.writes()
            );
            let now = Some((self.rounds().await, self.gate.count()));
            if now != last {
                (last, since) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `kill -9`.
    pub(crate) async fn kill(self) {
        self.gate.die();
        let _it_may_have_ended = self.stop.send(());
        let _it_may_have_panicked = self.has_ended.await;
    }

    pub(crate) async fn rounds(&self) -> u64 {
        let page = self.page("/metrics").await.unwrap();
        let name = "vrsky_operator_rounds_total ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }

    /// A page of the operator's, if it is well.
    async fn page(&self, path: &str) -> Option<String> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let pages = health::pages(Arc::clone(&self.health));
        let answer = pages.oneshot(request).await.unwrap();
        let is_well = answer.status().is_success();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .unwrap();
        is_well.then(|| String::from_utf8(bytes.to_vec()).unwrap())
    }
}

/// The keys as the cluster has them.
pub(crate) fn stored_keys(model: &Model) -> Keys {
    let secret = model
        .get(&format!("/api/v1/namespaces/{OWN}/secrets/vrsky-keys"))
        .unwrap();
    let text = secret["data"]["keys.json"].as_str().unwrap();
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&path, &into);
        } else {
            std::fs::copy(&path, &into).unwrap();
        }
    }
}

/// A change that somebody makes to the cluster.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Creates these (YAML documents).
    Create(String),
    /// Merges this into the object at a path.
    Merge(&'static str, Value),
    /// Deletes the object at a path.
    Delete(&'static str),
    /// The API server forgets the past and ends nothing: whoever comes back has to list again.
    Compact,
}

impl Lane {
    /// Somebody makes a change.
    pub(crate) fn edit(&self, edit: &Edit) {
        match edit {
            Edit::Create(text) => {
                let objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
                for object in objects {
                    let (status, said) =
                        self.model
                            .ask(&Method::POST, &collection(&object), "", &object);
                    assert!(status.is_success(), "{said}");
                }
            }
            Edit::Merge(path, change) => {
                let form = "application/merge-patch+json";
                let (status, said) = self.model.ask(&Method::PATCH, path, form, change);
                assert!(status.is_success(), "{said}");
            }
            Edit::Delete(path) => {
                let (status, said) = self.model.ask(&Method::DELETE, path, "", &Value::Null);
                assert!(status.is_success(), "{said}");
            }
            Edit::Compact => self.model.compact(),
        }
    }
}

/// Where objects of a kind are created.
fn collection(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let namespace = object["metadata"]["namespace"].as_str();
    match (kind.as_str(), namespace) {
        ("namespace", _) => "/api/v1/namespaces".to_owned(),
        (kind, Some(namespace)) => {
            format!("/apis/vrsky.io/v1alpha1/namespaces/{namespace}/{kind}s")
        }
        (kind, None) => format!("/apis/vrsky.io/v1alpha1/{kind}s"),
    }
}
