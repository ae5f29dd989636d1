//! A private nats-server: found, configured, started, stopped.
//!
//! Stops in this order: [`Server::stop`] asks it to finish (SIGTERM) and waits; dropping a [`Server`]
//! kills it. Either way by its own process id.

mod config;
mod find;

pub use config::{Cluster, ServerConfig};
pub(crate) use find::is_new_enough;
pub use find::{MINIMUM_VERSION, find_server};

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use crate::Keys;

/// How long a server may take until it answers. Recovery of large streams counts.
const READY: Duration = Duration::from_secs(30);
/// How long a graceful stop may take before the process is killed.
const STOP: Duration = Duration::from_secs(20);
/// Pause between looks at a process or file.
const LOOK: Duration = Duration::from_millis(20);

/// A running nats-server that belongs to this process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    config: PathBuf,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None was found.
    #[error(
        "no nats-server found: put nats-server {MINIMUM_VERSION} or newer into PATH, or its path \
         into VRSKY_NATS_SERVER"
    )]
    NotFound,
    /// The one that was found is too old to be safe.
    #[error("{path} is nats-server {found}; {MINIMUM_VERSION} or newer is needed", path = path.display())]
    TooOld {
        /// Where it lies.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// A file could not be used, or the program not be run.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended at once; the end of its log says why.
    #[error("nats-server ended at its start ({status}):\n{log}")]
    Ended {
        /// Exit status.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// It did not answer in time.
    #[error("nats-server did not answer within {} s", READY.as_secs())]
    NotReady,
    /// The keys cannot sign its configuration.
    #[error(transparent)]
    Keys(Box<crate::Error>),
}

/// What nats-server writes to its ports file.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

impl Server {
    /// Starts the server that [`find_server`] finds, and waits until it answers (30 s at most).
    ///
    /// All its files lie in `config.store_dir`. A server that an earlier, killed process left behind
    /// on the same directory is ended first: two on one store would corrupt it.
    pub async fn start(config: &ServerConfig, keys: &Keys) -> Result<Self, Error> {
        let program = find_server()?;
        let folder = &config.store_dir;
        create_private_folder(folder)?;
        let file = folder.join("nats-server.conf");
        end_stale(folder, &file).await;
        remove_ports_files(folder)?;
        let text = config
            .render(keys)
            .map_err(|error| Error::Keys(Box::new(error)))?;
        std::fs::write(&file, text).map_err(|source| io(&file, source))?;
        let log = folder.join("nats-server.log");
        let child = Command::new(&program)
            .arg("--config")
            .arg(&file)
            .arg("--log")
            .arg(&log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C on a terminal goes to its whole group: the server ends after its clients.
            .process_group(0)
            .spawn()
            .map_err(|source| io(&program, source))?;
        let mut server = Self {
            child,
            url: String::new(),
            config: file,
        };
        server.url = server.wait_ready(folder, &log).await?;
        Ok(server)
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port of [`Server::url`].
    pub fn port(&self) -> u16 {
        self.url
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(0)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The configuration file that it was started with.
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// Asks it to finish and waits, 20 s at most; then kills it.
    pub async fn stop(mut self) {
        terminate(self.child.id());
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills it at once, as a crash would.
    pub fn kill(self) {
        drop(self);
    }

    async fn wait_ready(&mut self, folder: &Path, log: &Path) -> Result<String, Error> {
        let file = folder.join(format!("nats-server_{}.ports", self.child.id()));
        let deadline = Instant::now() + READY;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended {
                    status: status.to_string(),
                    log: last_lines(log),
                });
            }
            if let Some(url) = read_ports(&file)
                && greets(&url).await
            {
                return Ok(url);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Error::NotReady)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

/// The configuration holds no seeds, but the store holds payloads: nobody else may read it.
fn create_private_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| io(folder, source))
}

fn remove_ports_files(folder: &Path) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).map_err(|source| io(folder, source))?;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path
            .extension()
            .is_some_and(|extension| extension == "ports")
        {
            std::fs::remove_file(&path).map_err(|source| io(&path, source))?;
        }
    }
    Ok(())
}

fn read_ports(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let ports: Ports = serde_json::from_str(&text).ok()?;
    ports.nats.into_iter().next()
}

/// True once the server says `INFO`.
async fn greets(url: &str) -> bool {
    let address = url.trim_start_matches("nats://");
    let Ok(stream) = TcpStream::connect(address).await else {
        return false;
    };
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    let read = tokio::time::timeout(Duration::from_secs(2), reader.read_line(&mut line)).await;
    matches!(read, Ok(Ok(_))) && line.starts_with("INFO ")
}

/// Ends the server that still runs with our configuration file, if there is one. A process id alone
/// proves nothing (it may have been reused), so its command line must name that file.
async fn end_stale(folder: &Path, config: &Path) {
    let Some(id) = std::fs::read_to_string(folder.join("nats-server.pid"))
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
    else {
        return;
    };
    let ours = || {
        std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| {
            line.split(|byte| *byte == 0)
                .any(|word| word == config.as_os_str().as_encoded_bytes())
        })
    };
    if !ours() {
        return;
    }
    terminate(id);
    let deadline = Instant::now() + STOP;
    while ours() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// SIGTERM. It fails only if the process is gone, which is what was wanted.
fn terminate(id: u32) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
