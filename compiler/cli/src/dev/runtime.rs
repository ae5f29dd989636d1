//! One runtime process per tenant: started, watched, started again, ended.
//!
//! How it stops: the token is cancelled, the process gets SIGTERM and drains; after
//! [`process::GRACE`] it is killed. The task ends when the process has.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vrsky_plan::{TenantId, TenantName};

use super::process::{self, Process};
use super::secrets;

/// The binary.
const NAME: &str = "vrsky-runtime";
/// Filters what runtimes log. What flows do is in their reports; the log is for what is not.
const LOG: &str = "RUST_LOG";
/// The pause after the first exit; doubled at each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A process that lived this long was well: the pauses start over.
const WELL: Duration = Duration::from_secs(30);
/// The longest line of output that is passed on, in bytes.
const LONGEST_LINE: u64 = 16 << 10;

/// All that a runtime process needs.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// Whose it is.
    pub(crate) tenant: TenantName,
    /// The tenant's id in NATS.
    pub(crate) tenant_id: TenantId,
    /// The server.
    pub(crate) nats: String,
    /// The file with the credentials.
    pub(crate) creds: PathBuf,
    /// Where it takes webhooks in.
    pub(crate) listen: SocketAddr,
    /// The folder of the secrets' files.
    pub(crate) secrets: PathBuf,
    /// Its working folder: relative paths in manifests start here.
    pub(crate) folder: PathBuf,
}

/// What happens to a runtime.
#[derive(Debug)]
pub(crate) enum Happening {
    /// It runs.
    Started {
        /// Whose.
        tenant: TenantName,
        /// The process.
        process: Process,
    },
    /// It ended; unless dev stops, it is started again after the pause.
    Exited {
        /// Whose.
        tenant: TenantName,
        /// The process.
        pid: u32,
        /// How it ended.
        reason: String,
        /// The pause before the next start; none when dev asked it to end.
        again: Option<Duration>,
    },
    /// It wrote a line.
    Line {
        /// Whose.
        tenant: TenantName,
        /// Without its end, at most 16 KiB, not yet safe to print.
        text: String,
    },
}

/// The runtime's binary: beside this one, else in `PATH`.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.join(NAME)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(NAME)))
        .find(|candidate| candidate.is_file())
        .with_context(|| {
            format!("{NAME} is neither beside `vrsky` nor in PATH; next: cargo build -p {NAME}")
        })
}

/// Keeps a runtime running until `stop`.
pub(crate) fn keep(
    launch: Launch,
    happenings: mpsc::Sender<Happening>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let (pid, reason) = run(&launch, &happenings, &stop).await;
            if began.elapsed() > WELL {
                pause = FIRST_PAUSE;
            }
            let again = (!stop.is_cancelled()).then_some(pause);
            let tenant = launch.tenant.clone();
            let exited = Happening::Exited {
                tenant,
                pid,
                reason,
                again,
            };
            if happenings.send(exited).await.is_err() {
                return;
            }
            if let Some(pause) = again {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    })
}

/// One life of the process. The pid is 0 if it did not start.
async fn run(
    launch: &Launch,
    happenings: &mpsc::Sender<Happening>,
    stop: &CancellationToken,
) -> (u32, String) {
    let mut child = match spawn(launch) {
        Ok(child) => child,
        Err(error) => {
            return (
                0,
                format!("{} does not start: {error}", launch.binary.display()),
            );
        }
    };
    let pid = child.id().unwrap_or_default();
    let started = Happening::Started {
        tenant: launch.tenant.clone(),
        process: Process::of(pid),
    };
    let _ = happenings.send(started).await;
    if let Some(output) = child.stdout.take() {
        tokio::spawn(pass_on(output, launch.tenant.clone(), happenings.clone()));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(pass_on(output, launch.tenant.clone(), happenings.clone()));
    }
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = stop.cancelled() => end(&mut child, pid).await,
    };
    let reason = match ended {
        Ok(status) => status.to_string(),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    (pid, reason)
}

fn spawn(launch: &Launch) -> std::io::Result<Child> {
    let mut command = Command::new(&launch.binary);
    // One tenant's process has no business with another's secrets.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(secrets::VARIABLE) {
            command.env_remove(name);
        }
    }
    if std::env::var_os(LOG).is_none() {
        command.env(LOG, "warn,async_nats=error");
    }
    command
        .arg("--nats")
        .arg(&launch.nats)
        .arg("--creds")
        .arg(&launch.creds)
        .arg("--tenant-id")
        .arg(launch.tenant_id.as_str())
        .arg("--listen")
        .arg(launch.listen.to_string())
        .arg("--secrets")
        .arg(&launch.secrets)
        .current_dir(&launch.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C goes to the whole group of the terminal: dev ends its children itself, in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

async fn end(child: &mut Child, pid: u32) -> std::io::Result<std::process::ExitStatus> {
    process::ask_to_end(pid);
    if let Ok(ended) = tokio::time::timeout(process::GRACE, child.wait()).await {
        return ended;
    }
    child.start_kill()?;
    child.wait().await
}

/// Passes lines on; when nobody takes them fast enough they are dropped, so that a runtime never
/// waits for a screen.
async fn pass_on(
    output: impl AsyncRead + Unpin,
    tenant: TenantName,
    happenings: mpsc::Sender<Happening>,
) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let tenant = tenant.clone();
        if !text.is_empty() {
            let _ = happenings.try_send(Happening::Line { tenant, text });
        }
    }
}

/// The file with a tenant's credentials for a role.
pub(crate) fn creds_file(state: &Path, tenant: &TenantName, role: &str) -> PathBuf {
    let name = if role == "runtime" {
        format!("{tenant}.creds")
    } else {
        format!("{tenant}.{role}.creds")
    };
    state.join("creds").join(name)
}
