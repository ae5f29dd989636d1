//! A `vrsky dev` that really runs, and what it says.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use vrsky_broker::dead_letters::{self, Contents};
use vrsky_broker::keys::user_name;
use vrsky_plan::TenantId;

use crate::event::{Event, Report};
use crate::{process, program};

/// How long a start may take: nats-server, accounts, streams, runtimes, on a busy machine.
const START: Duration = Duration::from_mins(1);
/// How long a stop in good order may take.
const STOP: Duration = Duration::from_secs(40);

/// A `vrsky dev` process. When dropped, it and everything that it started is ended.
#[derive(Debug)]
pub struct Dev {
    folder: PathBuf,
    child: Child,
    heard: Arc<Mutex<Vec<Event>>>,
    said: Arc<Mutex<String>>,
}

impl Dev {
    /// Starts it on a folder and waits until everything runs.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// The same, with environment variables.
    pub async fn start_with(folder: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let binary = program::vrsky()?;
        Self::run(&binary, folder, environment).await
    }

    /// The same, with another `vrsky` binary; the runtime beside it is used.
    pub async fn run(
        binary: &Path,
        folder: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(binary)
            .arg("dev")
            .arg(folder)
            .args(["--output", "json", "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::new(Mutex::new(String::new()));
        let stdout = child.stdout.take().context("its output is ours")?;
        let stderr = child.stderr.take().context("its errors are ours")?;
        {
            let (heard, said) = (Arc::clone(&heard), Arc::clone(&said));
            std::thread::spawn(move || listen(stdout, &heard, &said));
        }
        {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    note(&said, &line);
                }
            });
        }
        let mut dev = Self {
            folder: folder.to_owned(),
            child,
            heard,
            said,
        };
        dev.wait_ready().await?;
        Ok(dev)
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + START;
        while self.urls().is_none() {
            if let Some(status) = self.child.try_wait()? {
                tokio::time::sleep(Duration::from_millis(100)).await;
                anyhow::bail!("vrsky dev ended with {status}:\n{}", self.said());
            }
            anyhow::ensure!(
                Instant::now() < end,
                "vrsky dev was not ready within {START:?}:\n{}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Where a tenant's webhooks are taken in: `http://<address>/<tenant>`.
    pub fn url(&self, tenant: &str) -> anyhow::Result<String> {
        self.urls()
            .and_then(|urls| urls.get(tenant).cloned())
            .with_context(|| format!("dev gave no address for {tenant}"))
    }

    fn urls(&self) -> Option<std::collections::BTreeMap<String, String>> {
        lock(&self.heard).iter().find_map(|event| match event {
            Event::Ready { urls, .. } => Some(urls.clone()),
            _ => None,
        })
    }

    /// The address of its NATS server.
    pub fn nats(&self) -> anyhow::Result<String> {
        lock(&self.heard)
            .iter()
            .find_map(|event| match event {
                Event::Ready { nats, .. } => Some(nats.clone()),
                _ => None,
            })
            .context("dev gave no address for NATS")
    }

    /// The file with a tenant's credentials for `runtime` or `support`.
    pub fn creds(&self, tenant: &str, role: &str) -> PathBuf {
        let name = if role == "runtime" {
            format!("{tenant}.creds")
        } else {
            format!("{tenant}.{role}.creds")
        };
        self.folder.join(".vrsky/creds").join(name)
    }

    /// The process of dev itself.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of a tenant's runtime that runs now.
    pub fn runtime(&self, tenant: &str) -> Option<u32> {
        let mut running = None;
        for event in lock(&self.heard).iter() {
            if let Event::Runtime {
                tenant: whose,
                pid,
                state,
            } = event
                && whose == tenant
            {
                running = (state == "started").then_some(*pid);
            }
        }
        running
    }

    /// Kills a tenant's runtime as a crash would, and says which process it was.
    pub fn kill_runtime(&self, tenant: &str) -> anyhow::Result<u32> {
        let pid = self
            .runtime(tenant)
            .with_context(|| format!("no runtime of {tenant} runs"))?;
        process::kill(pid)?;
        Ok(pid)
    }

    /// Waits until a tenant's runtime runs that is not `other`.
    pub async fn wait_runtime(
        &self,
        tenant: &str,
        other: u32,
        limit: Duration,
    ) -> anyhow::Result<u32> {
        let found = crate::until(limit, || self.runtime(tenant).filter(|pid| *pid != other)).await;
        found.with_context(|| {
            format!("the runtime of {tenant} was not started again within {limit:?}")
        })
    }

    /// How many events came so far: a mark to wait from.
    pub fn mark(&self) -> usize {
        lock(&self.heard).len()
    }

    /// The events since a mark.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        lock(&self.heard).iter().skip(mark).cloned().collect()
    }

    /// Waits for an event after `mark` of which `ask` makes something.
    pub async fn wait<T>(
        &self,
        mark: usize,
        limit: Duration,
        what: &str,
        ask: impl Fn(&Event) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found =
            crate::until(limit, || lock(&self.heard).iter().skip(mark).find_map(&ask)).await;
        found.with_context(|| format!("dev did not say within {limit:?}: {what}\n{}", self.said()))
    }

    /// Waits until a save after `mark` took effect; milliseconds since it was seen.
    pub async fn wait_applied(&self, mark: usize) -> anyhow::Result<u64> {
        self.wait(
            mark,
            Duration::from_secs(20),
            "a save took effect",
            |event| match event {
                Event::Applied {
                    ms,
                    confirmed: true,
                    ..
                } => Some(*ms),
                _ => None,
            },
        )
        .await
    }

    /// The newest report of a flow.
    pub fn report(&self, flow: &str) -> Option<Report> {
        lock(&self.heard)
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Report(report) if report.flow == flow => Some((**report).clone()),
                _ => None,
            })
    }

    /// Dead letters of a tenant, with their payloads, read with its support credentials.
    pub async fn dead_letters(&self, tenant: &str) -> anyhow::Result<Vec<Contents>> {
        let id = TenantId::of(tenant);
        let client = self.client(tenant, "support").await?;
        let mut letters = Vec::new();
        for letter in dead_letters::list(&client, &id, None, 100_000).await? {
            letters.push(dead_letters::show(&client, &id, letter.id).await?);
        }
        Ok(letters)
    }

    /// A NATS client with a tenant's credentials for `runtime` or `support`.
    pub async fn client(&self, tenant: &str, role: &str) -> anyhow::Result<async_nats::Client> {
        let user = user_name(&TenantId::of(tenant), role);
        let options = async_nats::ConnectOptions::with_credentials_file(self.creds(tenant, role))
            .await
            .context("dev wrote no credentials")?
            .custom_inbox_prefix(format!("_INBOX_{user}"));
        Ok(options.connect(self.nats()?).await?)
    }

    /// Runs `vrsky <arguments> --path <folder> --output json`; its output, or its complaint.
    pub fn vrsky(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(program::vrsky()?)
            .args(arguments)
            .arg("--path")
            .arg(&self.folder)
            .args(["--output", "json"])
            .stdin(Stdio::null())
            .output()?;
        anyhow::ensure!(
            output.status.success(),
            "vrsky {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Stops it in good order.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        process::terminate(self.child.id())?;
        let end = Instant::now() + STOP;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("vrsky dev did not stop within {STOP:?}:\n{}", self.said())
    }

    /// The last lines that it wrote, for messages of failed stories.
    pub fn said(&self) -> String {
        lock(&self.said).clone()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let children = process::children(self.child.id());
        let asked = process::terminate(self.child.id()).is_ok();
        let end = Instant::now() + STOP;
        while asked && Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in children {
            let _ = process::kill(pid);
        }
    }
}

fn listen(output: impl std::io::Read, heard: &Mutex<Vec<Event>>, said: &Mutex<String>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if !line.contains("\"event\":\"report\"") {
            note(said, &line);
        }
        match serde_json::from_str(&line) {
            Ok(event) => lock(heard).push(event),
            Err(error) => note(said, &format!("(not an event: {error})")),
        }
    }
}

/// Keeps the last 16 KiB.
fn note(said: &Mutex<String>, line: &str) {
    let mut said = lock(said);
    said.push_str(line);
    said.push('\n');
    if said.len() > 32 << 10 {
        let from = said.len() - (16 << 10);
        let from = (from..said.len())
            .find(|at| said.is_char_boundary(*at))
            .unwrap_or(0);
        said.drain(..from);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
