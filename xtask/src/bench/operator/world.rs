//! An API server, a nats-server, the operator, and one tenant's runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use vrsky_e2e::cluster::{Api, Client};
use vrsky_e2e::process::free_port;
use vrsky_e2e::{cache, chart, process};

use super::super::compile::release;

/// The operator's namespace.
const NAMESPACE: &str = "vrsky-system";
/// Who the operator is to the API server.
const ACCOUNT: &str = "system:serviceaccount:vrsky-system:vrsky-operator";
/// Requests under way at once when objects are created.
const CONCURRENT: usize = 16;
/// How long a program may take to be ready.
const START: Duration = Duration::from_secs(30);

/// The tenant of a number, and its namespace.
pub(super) fn name(number: u32) -> String {
    format!("t{number:04}")
}

/// Everything that runs. Ends when dropped, in this order.
pub(super) struct World {
    runtime: std::sync::OnceLock<Process>,
    operator: Process,
    nats: Process,
    client: Client,
    api: Api,
}

impl World {
    /// Starts it; the operator is ready when this returns.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let api = Api::audited()?;
        let kubectl = api.kubectl();
        chart::apply_kinds(kubectl)?;
        kubectl.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}\n---\n\
             {{apiVersion: v1, kind: ServiceAccount, metadata: {{name: vrsky-operator, namespace: {NAMESPACE}}}}}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: bench}}, \
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}, \
             subjects: [{{kind: ServiceAccount, name: vrsky-operator, namespace: {NAMESPACE}}}]}}\n"
        ))?;
        let folder = api.folder().to_owned();
        let (nats, health) = (free_port()?, free_port()?);
        let config = folder.join("operator.yaml");
        let store = folder.join("nats");
        std::fs::write(
            &config,
            json!({
                "nats": {
                    "url": format!("nats://127.0.0.1:{nats}"),
                    "server": {"storeDir": store, "maxFileStore": "4Ti", "maxMemoryStore": "1Ti"},
                },
                "runtime": {"image": "none"},
            })
            .to_string(),
        )?;
        let account = kubectl.as_service_account(NAMESPACE, "vrsky-operator")?;
        let mut command = Command::new(release("vrsky-operator")?);
        command
            .env("KUBECONFIG", account.kubeconfig())
            .env("RUST_LOG", "warn")
            .args(["--namespace", NAMESPACE, "--listen"])
            .arg(format!("127.0.0.1:{health}"))
            .arg("--config")
            .arg(&config);
        let operator = Process::start(command, &folder.join("log/operator.log"))?;
        let nats = Process::start(
            nats_server(&api, &store, nats).await?,
            &folder.join("log/nats.log"),
        )?;
        let client = Client::new(kubectl.kubeconfig())?;
        let world = Self {
            runtime: std::sync::OnceLock::new(),
            operator,
            nats,
            client,
            api,
        };
        world.ready(health).await?;
        Ok(world)
    }

    /// The operator's process.
    pub(super) fn operator(&self) -> u32 {
        self.operator.0.id()
    }

    /// What the operator has in memory, in bytes.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        process::memory(self.operator())
    }

    /// The operator's requests so far, by verb.
    pub(super) fn calls(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut calls = BTreeMap::new();
        // A log that has grown goes on in another file.
        for file in std::fs::read_dir(self.api.folder())? {
            let file = file?;
            if !file.file_name().to_string_lossy().starts_with("audit") {
                continue;
            }
            for line in BufReader::new(std::fs::File::open(file.path())?).lines() {
                let Ok(entry) = serde_json::from_str::<Value>(&line?) else {
                    continue; // The last line, half written; or no log.
                };
                if entry["user"]["username"] == ACCOUNT {
                    let verb = entry["verb"].as_str().unwrap_or_default().to_owned();
                    *calls.entry(verb).or_default() += 1;
                }
            }
        }
        Ok(calls)
    }

    /// Creates objects in one collection.
    pub(super) async fn create(&self, path: &str, objects: Vec<Value>) -> anyhow::Result<()> {
        let objects = objects.into_iter().map(|object| (path.to_owned(), object));
        self.create_at(objects.collect()).await
    }

    /// Creates objects, each in its collection.
    pub(super) async fn create_at(&self, objects: Vec<(String, Value)>) -> anyhow::Result<()> {
        let creating = objects.into_iter().map(|(path, object)| {
            let client = self.client.clone();
            async move { client.create(&path, &object).await }
        });
        stream::iter(creating)
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    /// Waits until `count` objects of a collection have a condition for their generation.
    pub(super) async fn until(
        &self,
        path: &str,
        count: u32,
        condition: &str,
        limit: Duration,
    ) -> anyhow::Result<()> {
        // A watch: lists of ten thousand, again and again, would be most of what the server does.
        let mut watch = self.client.watch(path).await?;
        let mut done = BTreeSet::new();
        let all = async {
            while done.len() < count as usize {
                let Ok(seen) = watch.next().await else {
                    // The server lets go of who is too slow; it begins with what there is.
                    watch = self.client.watch(path).await?;
                    continue;
                };
                let name = (
                    seen["metadata"]["namespace"].to_string(),
                    seen["metadata"]["name"].to_string(),
                );
                if is_true(&seen, condition) {
                    done.insert(name);
                } else {
                    done.remove(&name);
                }
            }
            anyhow::Ok(())
        };
        let waited = tokio::time::timeout(limit, all).await;
        waited.with_context(|| {
            format!(
                "{} of {count} at {path} are {condition} after {limit:?}; the operator says:\n{}",
                done.len(),
                self.last_words()
            )
        })?
    }

    /// Changes a flow; how long until a watch brings that the change runs.
    pub(super) async fn edit(&self, path: &str, change: &Value) -> anyhow::Result<Duration> {
        let (collection, name) = path.rsplit_once('/').context("a path")?;
        let mut watch = self.client.watch(collection).await?;
        let before = self.client.get(path).await?["metadata"]["generation"].clone();
        let began = Instant::now();
        self.client.merge(path, change).await?;
        let changed = async {
            loop {
                let seen = watch.next().await?;
                let runs = &seen["status"]["running"]["generation"];
                let is_new = seen["metadata"]["generation"] != before;
                if seen["metadata"]["name"] == name
                    && is_new
                    && *runs == seen["metadata"]["generation"]
                    && is_true(&seen, "Ready")
                {
                    return anyhow::Ok(began.elapsed());
                }
            }
        };
        let waiting = tokio::time::timeout(START, changed).await;
        waiting.with_context(|| format!("an edit of {path} did not take effect"))?
    }

    /// Runs the flows of a namespace, as its Deployment says, and waits until they are Ready.
    pub(super) async fn run_flows_of(&self, namespace: &str) -> anyhow::Result<()> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/vrsky-runtime");
        let deployment = self.client.get(&path).await?;
        let path = format!("/api/v1/namespaces/{namespace}/secrets/vrsky-runtime");
        let secret = self.client.get(&path).await?;
        let (key, text) = secret["data"]
            .as_object()
            .and_then(|data| data.iter().next())
            .context("the Secret has credentials")?;
        let credentials = self.api.folder().join(key);
        let text = data_encoding::BASE64.decode(text.as_str().unwrap_or_default().as_bytes())?;
        std::fs::write(&credentials, text)?;
        let mut command = Command::new(release("vrsky-runtime")?);
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        for argument in arguments.as_array().into_iter().flatten() {
            let argument = argument.as_str().unwrap_or_default();
            match argument.split_once('=') {
                Some(("--creds", _)) => command.arg("--creds").arg(&credentials),
                Some((name @ ("--listen" | "--health"), _)) => {
                    command.arg(format!("{name}=127.0.0.1:{}", free_port()?))
                }
                Some(("--secrets", _)) => command.arg("--secrets").arg(self.api.folder()),
                _ => command.arg(argument),
            };
        }
        command.env("RUST_LOG", "warn");
        let log = self.api.folder().join("log/runtime.log");
        let process = Process::start(command, &log)?;
        anyhow::ensure!(self.runtime.set(process).is_ok(), "one runtime is enough");
        let path = format!("/apis/vrsky.io/v1alpha1/namespaces/{namespace}/flows");
        self.until(&path, super::FLOWS_PER_TENANT, "Ready", START)
            .await
    }

    async fn ready(&self, health: u16) -> anyhow::Result<()> {
        let end = Instant::now() + START;
        let address = format!("127.0.0.1:{health}");
        while !is_ok(&address).await {
            anyhow::ensure!(
                Instant::now() < end && process::is_alive(self.nats.0.id()),
                "the operator is not ready:\n{}",
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.api.folder().join("log/operator.log"));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Whether a condition is true of the generation that the object has.
fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| {
        one["type"] == condition
            && one["status"] == "True"
            && one["observedGeneration"] == object["metadata"]["generation"]
    })
}

/// Whether `/readyz` answers 200.
async fn is_ok(address: &str) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let asking = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request = "GET /readyz HTTP/1.0\r\nhost: operator\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    asking
        .await
        .is_ok_and(|answer| answer.split_whitespace().nth(1) == Some("200"))
}

/// The nats-server with the configuration that the operator has written, at another address.
async fn nats_server(api: &Api, store: &Path, port: u16) -> anyhow::Result<Command> {
    let end = Instant::now() + START;
    let map = loop {
        match api
            .kubectl()
            .get(&["-n", NAMESPACE, "configmap", "vrsky-nats-server"])
        {
            Ok(map) => break map,
            Err(error) => anyhow::ensure!(Instant::now() < end, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let files = map["data"].as_object().context("it has files")?;
    let mut config = PathBuf::new();
    for (name, text) in files {
        let text = text.as_str().unwrap_or_default();
        if text.contains("listen: \"0.0.0.0:4222\"") {
            config = api.folder().join(name);
        }
        let text = text.replace("0.0.0.0:4222", &format!("127.0.0.1:{port}"));
        std::fs::write(api.folder().join(name), text)?;
    }
    std::fs::create_dir_all(store)?;
    let mut command = Command::new(cache::nats_server()?);
    command.arg("-c").arg(config);
    Ok(command)
}

/// A child, ended when dropped.
struct Process(Child);

impl Process {
    fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
