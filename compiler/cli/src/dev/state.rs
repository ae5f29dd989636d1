//! `.vrsky/`: what `vrsky dev` remembers of a folder.
//!
//! ```text
//! .vrsky/lock            held while dev runs; holds its pid
//! .vrsky/state.json      ports, and the processes of the last run
//! .vrsky/secrets.yaml    written by people; survives --fresh
//! .vrsky/nats/           the server's store and keys
//! .vrsky/creds/          credentials, 0600
//! .vrsky/run/            secrets as files for the runtimes
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vrsky_plan::TenantName;

use super::process::Process;

/// The folder's name.
pub(crate) const FOLDER: &str = ".vrsky";
/// What people write into it; `--fresh` leaves it.
pub(crate) const SECRETS: &str = "secrets.yaml";

/// What is remembered between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Memory {
    /// The `--listen` for which the ports were given.
    pub(crate) listen: Option<SocketAddr>,
    /// Each tenant's port for webhooks.
    pub(crate) ports: BTreeMap<TenantName, u16>,
    /// Processes that run, or did when dev was killed.
    pub(crate) processes: Vec<Process>,
    /// Where the server is, while dev runs; for `vrsky dlq`.
    pub(crate) nats: Option<String>,
    /// The server's port; it is asked for again.
    pub(crate) server_port: Option<u16>,
    /// The ids of tenants, for `vrsky dlq`.
    pub(crate) tenants: BTreeMap<TenantName, String>,
}

/// The folder, held by this process until it ends.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    _lock: File,
    /// What is remembered; [`State::save`] writes it.
    pub(crate) memory: Memory,
}

impl State {
    /// Takes the folder for this process, ends what an earlier run that was killed left behind, and
    /// forgets everything but the secrets if `fresh`.
    pub(crate) fn open(root: &Path, fresh: bool) -> anyhow::Result<Self> {
        let folder = root.join(FOLDER);
        private_folder(&folder)?;
        let lock = lock(&folder)?;
        let memory = recall(root);
        for process in &memory.processes {
            process.end();
        }
        let memory = if fresh {
            forget(&folder)?;
            Memory::default()
        } else {
            Memory {
                processes: Vec::new(),
                nats: None,
                ..memory
            }
        };
        for name in ["creds", "run"] {
            private_folder(&folder.join(name))?;
        }
        write_private(&folder.join(".gitignore"), b"*\n")?;
        let state = Self {
            folder,
            _lock: lock,
            memory,
        };
        state.save()?;
        Ok(state)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes down what is remembered.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&self.memory)?;
        write_private(&self.folder.join("state.json"), &text)
    }

    /// The port that the server had, while it is free.
    pub(crate) fn server_port(&self) -> Option<u16> {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        self.memory.server_port.filter(|port| is_free(local, *port))
    }

    /// The port of a tenant: the one it had, else the next free one from `listen` on. With port 0
    /// in `listen`, any free one.
    pub(crate) fn port(&mut self, tenant: &TenantName, listen: SocketAddr) -> anyhow::Result<u16> {
        if self.memory.listen != Some(listen) {
            self.memory.listen = Some(listen);
            self.memory.ports.clear();
        }
        if let Some(port) = self.memory.ports.get(tenant)
            && is_free(listen, *port)
        {
            return Ok(*port);
        }
        self.memory.ports.remove(tenant);
        let port = if listen.port() == 0 {
            TcpListener::bind(listen)
                .and_then(|listener| listener.local_addr())
                .with_context(|| format!("cannot listen on {listen}"))?
                .port()
        } else {
            (listen.port()..=u16::MAX)
                .take(1000)
                .filter(|port| !self.memory.ports.values().any(|taken| taken == port))
                .find(|port| is_free(listen, *port))
                .with_context(|| {
                    format!("no port is free from {listen} on; choose another with `--listen`")
                })?
        };
        self.memory.ports.insert(tenant.clone(), port);
        Ok(port)
    }
}

/// What an earlier or running dev wrote down for this folder.
pub(crate) fn recall(root: &Path) -> Memory {
    fs::read(root.join(FOLDER).join("state.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Writes a file that only its owner reads: whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("cannot write {}", path.display());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let _ = fs::remove_file(&temporary);
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(writing)
}

/// Makes a folder, and those above it, that only its owner enters.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// The system drops the lock with the process, however it ends: a stale lock file locks nothing.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let opening = || format!("cannot open {}", path.display());
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(opening)?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        anyhow::bail!(
            "another `vrsky dev` (pid {}) runs on this folder; end it first, or work with its output",
            pid.trim()
        );
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .with_context(opening)?;
    Ok(file)
}

fn forget(folder: &Path) -> anyhow::Result<()> {
    let forgetting = || format!("cannot forget what lies in {}", folder.display());
    for entry in fs::read_dir(folder).with_context(forgetting)? {
        let entry = entry.with_context(forgetting)?;
        if entry.file_name() == SECRETS || entry.file_name() == "lock" {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        }
        .with_context(forgetting)?;
    }
    Ok(())
}

fn is_free(listen: SocketAddr, port: u16) -> bool {
    TcpListener::bind((listen.ip(), port)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_second_dev_on_the_same_folder_is_refused_and_a_stale_lock_is_not_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path(), false).unwrap();
        let refused = State::open(folder.path(), false).unwrap_err().to_string();
        assert!(
            refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        State::open(folder.path(), false).unwrap();
    }

    #[test]
    fn ports_are_stable_until_fresh_and_pass_by_those_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let acme = TenantName::new("acme").unwrap();
        let mut state = State::open(folder.path(), false).unwrap();
        let port = state.port(&acme, listen).unwrap();
        assert_ne!(port, listen.port());
        state.save().unwrap();
        drop(state);
        drop(taken);
        let mut state = State::open(folder.path(), false).unwrap();
        assert_eq!(state.port(&acme, listen).unwrap(), port);
        drop(state);
        let mut state = State::open(folder.path(), true).unwrap();
        assert_eq!(state.port(&acme, listen).unwrap(), listen.port());
    }

    #[test]
    fn fresh_forgets_all_but_the_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path(), false).unwrap();
        let inside = state.folder().to_owned();
        drop(state);
        fs::write(inside.join(SECRETS), "a: {}").unwrap();
        fs::create_dir_all(inside.join("nats/store")).unwrap();
        drop(State::open(folder.path(), true).unwrap());
        assert!(inside.join(SECRETS).exists());
        assert!(!inside.join("nats").exists());
    }
}
