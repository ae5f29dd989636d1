//! Tells when a manifest, `vrsky.toml` or the secrets changed.
//!
//! Folders are watched one by one, not the whole tree: the server's store lies below the same root
//! and would drown us. Editors save by renaming; watching folders instead of files sees that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use notify::event::{CreateKind, ModifyKind, RemoveKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::state;
use crate::{config, files};

/// An editor's save is several events; this long without one, it is over.
const QUIET: Duration = Duration::from_millis(40);
/// However busy the folder, changes are taken up after this.
const LONGEST: Duration = Duration::from_millis(250);

/// Watches the folders of a project.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<Instant>,
    /// The first and the last event of a change that is not over yet.
    pending: Option<(Instant, Instant)>,
}

impl Watch {
    /// Starts; [`Watch::follow`] says what to watch.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (sender, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let matters = event.map_or(true, |event| {
                let comes_or_goes = matches!(
                    event.kind,
                    EventKind::Create(CreateKind::Folder)
                        | EventKind::Remove(RemoveKind::Folder)
                        | EventKind::Modify(ModifyKind::Name(_))
                );
                !matches!(event.kind, EventKind::Access(_))
                    && (event.need_rescan()
                        || event.paths.iter().any(|path| concerns(path, comes_or_goes)))
            });
            if matters {
                // Full: a change is announced already.
                let _ = sender.try_send(Instant::now());
            }
        })
        .context("cannot watch for changes")?;
        Ok(Self {
            watcher,
            watched: BTreeSet::new(),
            changes,
            pending: None,
        })
    }

    /// Watches exactly these folders.
    pub(crate) fn follow(&mut self, folders: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
        for gone in self.watched.difference(folders) {
            let _ = self.watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<PathBuf> = self.watched.intersection(folders).cloned().collect();
        for new in folders.difference(&self.watched) {
            match self.watcher.watch(new, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(new.clone());
                }
                // Gone between the walk and now: the change that removed it is announced.
                Err(_) if !new.exists() => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot watch {}", new.display()));
                }
            }
        }
        self.watched = watched;
        Ok(())
    }

    /// Waits for a change and for quiet after it; the time of its first event. Cancel-safe.
    pub(crate) async fn changed(&mut self) -> Option<Instant> {
        loop {
            let Some((first, last)) = self.pending else {
                let seen = self.changes.recv().await?;
                self.pending = Some((seen, seen));
                continue;
            };
            let until = tokio::time::Instant::from_std((last + QUIET).min(first + LONGEST));
            tokio::select! {
                next = self.changes.recv() => self.pending = Some((first, next?)),
                () = tokio::time::sleep_until(until) => {
                    self.pending = None;
                    return Some(first);
                }
            }
        }
    }
}

/// Whether a change of this path can change what is compiled. A path without an extension that comes
/// or goes may be a folder of manifests.
fn concerns(path: &Path, comes_or_goes: bool) -> bool {
    let Some(name) = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
    else {
        return true;
    };
    let inside_state = path
        .parent()
        .is_some_and(|parent| parent.file_name().is_some_and(|it| it == state::FOLDER));
    if inside_state {
        return name == state::SECRETS;
    }
    if name.starts_with('.') {
        return name == state::FOLDER && comes_or_goes;
    }
    name == config::FILE
        || files::is_manifest(path)
        || (comes_or_goes && (path.extension().is_none() || path.is_dir()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_concerns_us() {
        for path in [
            "a/flow.yaml",
            "a/flow.yml",
            "vrsky.toml",
            ".vrsky/secrets.yaml",
            "a/folder",
        ] {
            assert!(concerns(Path::new(path), true), "{path}");
        }
        for path in [
            "a/.flow.yaml.swp",
            "a/.flow.yaml",
            ".vrsky/state.json",
            "out/orders.ndjson",
            "out/orders",
        ] {
            assert!(!concerns(Path::new(path), false), "{path}");
        }
    }

    #[tokio::test]
    async fn a_save_by_renaming_is_seen_and_so_is_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let mut watch = Watch::start().unwrap();
        watch.follow(&BTreeSet::from([root.clone()])).unwrap();
        std::fs::write(root.join(".x.tmp"), "a").unwrap();
        std::fs::rename(root.join(".x.tmp"), root.join("x.yaml")).unwrap();
        let wait = Duration::from_secs(10);
        assert!(
            tokio::time::timeout(wait, watch.changed())
                .await
                .unwrap()
                .is_some()
        );
        std::fs::create_dir(root.join("deep")).unwrap();
        assert!(
            tokio::time::timeout(wait, watch.changed())
                .await
                .unwrap()
                .is_some()
        );
        watch
            .follow(&BTreeSet::from([root.clone(), root.join("deep")]))
            .unwrap();
        std::fs::write(root.join("deep/y.yaml"), "a").unwrap();
        assert!(
            tokio::time::timeout(wait, watch.changed())
                .await
                .unwrap()
                .is_some()
        );
    }
}
