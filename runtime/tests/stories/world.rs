//! A tenant on a private server, without accounts: streams and buckets made by hand, programs put as
//! the operator puts them, and runtimes as real processes.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context, kv, stream};
use bytes::Bytes;
use futures_util::StreamExt;
use vrsky_plan::report::{Index, State};
use vrsky_plan::{EdgeName, FlowId, Lease, Program, Report, TenantId, platform};

use crate::server::Server;

pub const BOUND: Duration = Duration::from_mins(1);

/// One tenant.
pub struct World {
    pub server: Server,
    pub tenant: TenantId,
    pub jetstream: Context,
    pub folder: tempfile::TempDir,
    programs: BTreeMap<FlowId, Program>,
}

/// A runtime process; it ends with the test.
pub struct Runtime {
    pub child: Child,
    log: std::path::PathBuf,
}

impl World {
    pub async fn new() -> Self {
        Self::with_limits(1_000_000, 1_000_000).await
    }

    /// With caps of messages per subject in transit and among the dead letters.
    pub async fn with_limits(transit: i64, dead_letters: i64) -> Self {
        Self::on(Server::start(), transit, dead_letters).await
    }

    pub async fn on(server: Server, transit: i64, dead_letters: i64) -> Self {
        let tenant = TenantId::new("acme1").unwrap();
        // A server without users lets any in.
        let admin = async_nats::ConnectOptions::with_user_and_password(
            "admin".to_owned(),
            "admin".to_owned(),
        );
        let client = admin.connect(server.address()).await.unwrap();
        let jetstream = jetstream::new(client);
        let make = |name: String, subject: &str, cap: i64| stream::Config {
            name,
            subjects: vec![subject.to_owned()],
            retention: stream::RetentionPolicy::Limits,
            discard: stream::DiscardPolicy::New,
            discard_new_per_subject: true,
            max_messages_per_subject: cap,
            allow_message_ttl: true,
            ..Default::default()
        };
        let transit = make(tenant.transit_stream().to_string(), "e.>", transit);
        jetstream.create_stream(transit).await.unwrap();
        let letters = make(tenant.dead_letter_stream().to_string(), "d.>", dead_letters);
        jetstream.create_stream(letters).await.unwrap();
        let reports = stream::Config {
            name: platform::REPORTS.to_owned(),
            subjects: vec!["reports.>".to_owned()],
            max_messages_per_subject: 1,
            ..Default::default()
        };
        jetstream.create_stream(reports).await.unwrap();
        for bucket in [platform::PROGRAMS, platform::LEASES] {
            let config = kv::Config {
                bucket: bucket.to_owned(),
                ..Default::default()
            };
            jetstream.create_key_value(config).await.unwrap();
        }
        Self {
            server,
            tenant,
            jetstream,
            folder: tempfile::tempdir().unwrap(),
            programs: BTreeMap::new(),
        }
    }

    /// Puts a program and the index, as the operator does.
    pub async fn put(&mut self, program: Program) {
        let key = platform::program_key(&self.tenant, &program.flow);
        self.write(&key, serde_json::to_vec(&program).unwrap())
            .await;
        self.programs.insert(program.flow.clone(), program);
        self.write_index().await;
    }

    /// Names a program in the index that is not there yet.
    pub async fn promise(&mut self, program: Program) {
        self.programs.insert(program.flow.clone(), program);
        self.write_index().await;
    }

    pub async fn remove(&mut self, flow: &FlowId) {
        self.programs.remove(flow);
        self.write_index().await;
    }

    async fn write_index(&self) {
        let programs = self.programs.iter();
        let index = Index {
            programs: programs
                .map(|(flow, p)| (flow.clone(), p.hash.to_string()))
                .collect(),
        };
        let key = platform::index_key(&self.tenant);
        self.write(&key, serde_json::to_vec(&index).unwrap()).await;
    }

    pub async fn write(&self, key: &str, value: Vec<u8>) {
        let subject = platform::key_subject(platform::PROGRAMS, key);
        let ack = self.jetstream.publish(subject, value.into()).await.unwrap();
        ack.await.unwrap();
    }

    /// A runtime process, as `vrsky dev` starts one.
    pub fn runtime(&self) -> Runtime {
        self.runtime_with(&[])
    }

    /// A runtime process with more arguments.
    pub fn runtime_with(&self, arguments: &[&str]) -> Runtime {
        Runtime::start(&self.server, self.folder.path(), arguments)
    }

    /// Publishes messages with these ids to an edge, 500 under way.
    pub async fn feed(&self, subject: &str, messages: impl IntoIterator<Item = (String, String)>) {
        let publishes = futures_util::stream::iter(messages).map(|(id, payload)| {
            let (jetstream, subject) = (self.jetstream.clone(), subject.to_owned());
            async move {
                let mut headers = async_nats::HeaderMap::new();
                headers.insert("Nats-Msg-Id", format!("{id}/{subject}"));
                headers.insert("Vrsky-Message", id);
                let ack = jetstream.publish_with_headers(subject, headers, payload.into());
                ack.await.unwrap().await.unwrap();
            }
        });
        publishes.buffer_unordered(500).collect::<Vec<()>>().await;
    }

    /// Messages that lie on a subject, which may have wildcards.
    pub async fn count(&self, stream: &str, subject: &str) -> u64 {
        let stream = self.jetstream.get_stream(stream).await.unwrap();
        let mut subjects = stream.info_with_subjects(subject).await.unwrap();
        let mut count = 0;
        while let Some(found) = subjects.next().await {
            count += found.unwrap().1 as u64;
        }
        count
    }

    pub async fn transit(&self, subject: &str) -> u64 {
        self.count(self.tenant.transit_stream().as_str(), subject)
            .await
    }

    pub async fn dead_letters(&self, subject: &str) -> u64 {
        self.count(self.tenant.dead_letter_stream().as_str(), subject)
            .await
    }

    /// All messages that lie on a subject of the transit or dead-letter stream.
    pub async fn read(&self, subject: &str) -> Vec<async_nats::Message> {
        let stream = if subject.starts_with("d.") {
            self.tenant.dead_letter_stream()
        } else {
            self.tenant.transit_stream()
        };
        let stream = self.jetstream.get_stream(stream.as_str()).await.unwrap();
        let config = jetstream::consumer::pull::Config {
            filter_subject: subject.to_owned(),
            ack_policy: jetstream::consumer::AckPolicy::None,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let pending = consumer.cached_info().num_pending as usize;
        let messages = consumer.stream().messages().await.unwrap();
        let messages: Vec<_> = messages.take(pending).collect().await;
        messages.into_iter().map(|m| m.unwrap().message).collect()
    }

    /// Removes what lies on a subject up to a message that was read.
    pub async fn purge(&self, subject: &str, last: &async_nats::Message) {
        let place = last
            .reply
            .as_ref()
            .unwrap()
            .as_str()
            .split('.')
            .rev()
            .nth(3)
            .unwrap();
        let sequence: u64 = place.parse().unwrap();
        let stream = self.tenant.transit_stream();
        let stream = self.jetstream.get_stream(stream.as_str()).await.unwrap();
        stream
            .purge()
            .filter(subject)
            .sequence(sequence + 1)
            .await
            .unwrap();
    }

    /// As [`Self::transit`], while the server may be away.
    pub async fn transit_or_none(&self, subject: &str) -> Option<u64> {
        let stream = self.tenant.transit_stream();
        let stream = self.jetstream.get_stream(stream.as_str()).await.ok()?;
        let mut subjects = stream.info_with_subjects(subject).await.ok()?;
        let mut count = 0;
        while let Some(found) = subjects.next().await {
            count += found.ok()?.1 as u64;
        }
        Some(count)
    }

    /// Ids that arrived on a subject: distinct ones, and all.
    pub async fn ids(&self, subject: &str) -> (std::collections::BTreeSet<String>, usize) {
        let messages = self.read(subject).await;
        let ids = messages
            .iter()
            .map(|message| header(message, "Vrsky-Message"));
        (ids.collect(), messages.len())
    }

    /// The last report of each process on a flow.
    pub async fn reports(&self, flow: &FlowId) -> Vec<Report> {
        let stream = self.jetstream.get_stream(platform::REPORTS).await.unwrap();
        let filter = format!("reports.{}.{}.*", self.tenant, flow.token());
        let mut subjects = stream.info_with_subjects(&filter).await.unwrap();
        let mut reports = Vec::new();
        while let Some(found) = subjects.next().await {
            let last = stream
                .get_last_raw_message_by_subject(&found.unwrap().0)
                .await;
            reports.push(serde_json::from_slice(&last.unwrap().payload).unwrap());
        }
        reports
    }

    /// Waits for a report that fits.
    pub async fn report(&self, flow: &FlowId, fits: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + BOUND;
        loop {
            let reports = self.reports(flow).await;
            if let Some(report) = reports.iter().find(|report| fits(report)) {
                return report.clone();
            }
            assert!(Instant::now() < deadline, "no such report: {reports:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn running(&self, program: &Program) -> Report {
        let runs = |r: &Report| *r.program == *program.hash && r.state == State::Running;
        self.report(&program.flow, runs).await
    }

    pub async fn lease(&self, flow: &FlowId, edge: &EdgeName) -> Option<Lease> {
        let bucket = self
            .jetstream
            .get_key_value(platform::LEASES)
            .await
            .unwrap();
        let key = platform::lease_key(&self.tenant, flow, edge);
        let value: Option<Bytes> = bucket.get(key).await.unwrap();
        value.map(|value| serde_json::from_slice(&value).unwrap())
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Runtime {
    /// The process of the tenant `acme1` in a folder.
    pub fn start(server: &Server, folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join(format!("{}.log", uuid::Uuid::now_v7()));
        let child = Command::new(env!("CARGO_BIN_EXE_vrsky-runtime"))
            .args(["--nats", &server.address(), "--tenant-id", "acme1"])
            .args(["--listen", "127.0.0.1:0", "--secrets", "secrets"])
            .args(arguments)
            .current_dir(folder)
            .env("RUST_LOG", "info,async_nats=error")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// How often something happened, as the log says.
    pub fn happened(&self, event: &str) -> usize {
        self.events(event).len()
    }

    /// What the log says of each time that something happened.
    pub fn events(&self, event: &str) -> Vec<serde_json::Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|said| said["event"] == event)
            .collect()
    }

    /// Asks `--health`, which was given port 0; status and body.
    pub async fn ask(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        until("its health to be served", || async {
            self.happened("health_served") == 1
        })
        .await;
        let served = self.events("health_served").remove(0);
        let address = served["address"].as_str().unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// As a crash: nothing is finished, nothing is released.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let deadline = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it did not stop: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// A header's text; empty if there is none.
pub fn header(message: &async_nats::Message, name: &str) -> String {
    let headers = message.headers.as_ref();
    let value = headers.and_then(|headers| headers.get(name));
    value.map_or_else(String::new, |value| value.as_str().to_owned())
}

/// Waits until it holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + BOUND;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
