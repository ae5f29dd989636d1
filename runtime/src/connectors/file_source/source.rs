use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use vrsky_plan::program::Decode;

use super::config::Config;
use super::found::{self, Stamp};
use super::progress;
use super::reading::{self, Reading};
use crate::connectors::inlet::Inlet;
use crate::connectors::{Blocked, Context, location, parameters};

/// Where the folder stands in the Flow.
const FOLDER: &str = "spec.source.with.folder";

/// Watches a folder.
#[derive(Debug)]
pub(in crate::connectors) struct Source {
    base: PathBuf,
    folder: PathBuf,
    done: PathBuf,
    pattern: String,
    every: Duration,
    decode: Decode,
    limit: usize,
}

/// What is known of the folder from one look to the next.
#[derive(Default)]
struct Memory {
    /// What lay there at the last look.
    found: BTreeMap<OsString, Stamp>,
    /// What is stored and only has to be moved away.
    stored: BTreeMap<OsString, Stamp>,
    /// The trouble that was reported last.
    trouble: Option<String>,
}

impl Source {
    pub(in crate::connectors) fn open(
        with: &Value,
        decode: Decode,
        context: &Context,
    ) -> Result<Self, Blocked> {
        let config: Config = parameters("file", with, "spec.source.with")?;
        let folder = location::inside(&context.base, &config.folder, FOLDER)?;
        let path = "spec.source.with.done";
        let done = match &config.done {
            Some(done) => location::inside(&context.base, done, path)?,
            None => folder.join(".done"),
        };
        if done == folder {
            return Err(Blocked::at(
                path,
                "finished files must go to another folder",
            ));
        }
        Ok(Self {
            base: context.base.clone(),
            folder,
            done,
            pattern: config.pattern,
            every: config.every,
            decode,
            limit: context.max_payload,
        })
    }

    /// Looks at the folder again and again; a file is taken in when two looks in a row saw it alike.
    pub(in crate::connectors) async fn run(
        &self,
        inlet: Inlet,
        stop: CancellationToken,
    ) -> Result<(), Blocked> {
        let mut looks = interval(self.every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = looks.tick() => {}
            }
            let trouble = self.look(&mut memory, &inlet, &stop).await.err();
            if let Some(trouble) = &trouble
                && memory.trouble.as_ref() != Some(trouble)
            {
                inlet.trouble(FOLDER, trouble);
            }
            memory.trouble = trouble;
        }
    }

    /// One look. An error is one line; the files that it does not name were still taken in.
    async fn look(
        &self,
        memory: &mut Memory,
        inlet: &Inlet,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let found = self.list().await.map_err(|error| self.explain(&error))?;
        let before = std::mem::take(&mut memory.found);
        memory
            .stored
            .retain(|name, stamp| found.get(name) == Some(stamp));
        let mut trouble = Ok(());
        for (name, stamp) in &found {
            if stop.is_cancelled() {
                return trouble;
            }
            if before.get(name) != Some(stamp) {
                continue;
            }
            if let Err(error) = self.take(name, stamp, memory, inlet, stop).await {
                trouble = Err(format!("{}: {error}", name.to_string_lossy()));
            }
        }
        memory.found = found;
        trouble
    }

    async fn list(&self) -> io::Result<BTreeMap<OsString, Stamp>> {
        let (base, folder, done) = (self.base.clone(), self.folder.clone(), self.done.clone());
        let pattern = self.pattern.clone();
        blocking(move || {
            location::check(&base, &folder)?;
            location::ready(&base, &done)?;
            found::look(&folder, &pattern)
        })
        .await
    }

    async fn take(
        &self,
        name: &OsStr,
        stamp: &Stamp,
        memory: &mut Memory,
        inlet: &Inlet,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        if memory.stored.get(name) != Some(stamp) {
            if !self.store(name, *stamp, inlet, stop).await? {
                return Ok(());
            }
            memory.stored.insert(name.to_owned(), *stamp);
        }
        let (folder, done, name) = (self.folder.clone(), self.done.clone(), name.to_owned());
        blocking(move || {
            found::finish(&folder, &name, &done)?;
            progress::remove(&done, &name)
        })
        .await
    }

    /// Stores the file's messages. False: not all, because of `stop` or a change of the file.
    async fn store(
        &self,
        name: &OsStr,
        stamp: Stamp,
        inlet: &Inlet,
        stop: &CancellationToken,
    ) -> io::Result<bool> {
        let path = self.folder.join(name);
        let (id, file, stored) = {
            let (path, name, done) = (path.clone(), name.to_owned(), self.done.clone());
            blocking(move || {
                let mut file = found::open(&path, &stamp)?;
                let id = reading::identity(&name, &stamp, &mut file)?;
                let stored = progress::read(&done, &name, &id);
                Ok((id, file, stored))
            })
            .await?
        };
        let reading = Reading {
            id,
            name: name.to_string_lossy().into_owned(),
            decode: self.decode,
            limit: self.limit,
        };
        let taken = reading.take_in(file, stored, inlet, stop).await?;
        let unchanged = unchanged(path, stamp).await;
        if !taken.whole && taken.messages > 0 {
            let (done, name) = (self.done.clone(), name.to_owned());
            blocking(move || progress::write(&done, &name, &reading.id, taken.messages)).await?;
        }
        Ok(taken.whole && unchanged)
    }

    fn explain(&self, error: &io::Error) -> String {
        let folder = self
            .folder
            .strip_prefix(&self.base)
            .unwrap_or(Path::new("."));
        match error.kind() {
            io::ErrorKind::NotFound => format!("there is no folder {}", folder.display()),
            _ => format!("{}: {error}", folder.display()),
        }
    }
}

async fn unchanged(path: PathBuf, stamp: Stamp) -> bool {
    let metadata = blocking(move || std::fs::symlink_metadata(path)).await;
    metadata.is_ok_and(|metadata| Stamp::of(&metadata) == stamp)
}

/// Runs file operations where they hold up no one.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
