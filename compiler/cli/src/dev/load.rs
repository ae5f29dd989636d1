//! Reads a folder and compiles it against what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use vrsky_compiler::{Compiler, Document, Incumbents, Severity, World};

use super::state::write_private;
use crate::config::Repository;
use crate::files::{self, Unreadable};
use crate::project::{self, Project};

/// The last texts without errors, by file: what a half-written file is read against. Survives a
/// restart, so that one that happens in the middle of an edit revokes nothing.
type Good = BTreeMap<String, Arc<str>>;

/// A folder that is compiled again and again.
#[derive(Debug)]
pub(crate) struct Loader {
    root: PathBuf,
    compiler: Compiler,
    good: Good,
    good_file: PathBuf,
}

/// What lies in the folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    documents: Vec<Document>,
    unreadable: Vec<Unreadable>,
    repository: Option<vrsky_compiler::Repository>,
}

impl Read {
    /// Whether a text that `last` has is missing or empty here.
    pub(crate) fn lacks(&self, last: &Self) -> bool {
        let is_blank = |document: &Document| document.text.trim().is_empty();
        last.documents.iter().any(|before| {
            let now = self
                .documents
                .binary_search_by(|document| document.origin.cmp(&before.origin));
            !is_blank(before) && now.map_or(true, |at| is_blank(&self.documents[at]))
        })
    }
}

impl Loader {
    /// For the folder `root`, with its state in `state`.
    pub(crate) fn new(root: &Path, state: &Path) -> Self {
        let good_file = state.join("good.json");
        let good = std::fs::read(&good_file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<BTreeMap<String, String>>(&bytes).ok())
            .unwrap_or_default();
        Self {
            root: root.to_owned(),
            compiler: Compiler::default(),
            good: good
                .into_iter()
                .map(|(name, text)| (name, Arc::from(text)))
                .collect(),
            good_file,
        }
    }

    /// Reads all manifests and `vrsky.toml`.
    pub(crate) fn read(&self) -> anyhow::Result<Read> {
        let (files, unreadable) = files::read(std::slice::from_ref(&self.root))?;
        let mut documents: Vec<Document> = files
            .into_iter()
            .map(|file| Document::new(file.name, file.text))
            .collect();
        // A file that cannot be read deletes nothing: its last good text stands for it.
        for file in &unreadable {
            if let Some(text) = self.good.get(&file.name) {
                documents.push(Document::new(file.name.as_str(), text.clone()));
            }
        }
        documents.sort_by(|a, b| a.origin.cmp(&b.origin));
        let repository = project::declared(&Repository::find(&self.root)?)?;
        Ok(Read {
            documents,
            unreadable,
            repository,
        })
    }

    /// The folders to watch.
    pub(crate) fn folders(&self) -> anyhow::Result<BTreeSet<PathBuf>> {
        let mut folders = files::folders(&self.root)?;
        folders.insert(self.root.join(super::state::FOLDER));
        let repository = Repository::find(&self.root)?;
        folders.insert(repository.root);
        Ok(folders)
    }

    /// Compiles what was read against what runs.
    pub(crate) fn compile(
        &mut self,
        read: &Read,
        incumbents: Incumbents,
    ) -> anyhow::Result<Project> {
        let documents = read
            .documents
            .iter()
            .map(|document| Document {
                before: self.good.get(&*document.origin).cloned(),
                ..document.clone()
            })
            .collect();
        let world = World {
            now: Timestamp::now(),
            documents,
            repository: read.repository.clone(),
            incumbents,
            replicas: 1,
        };
        let compiled = self.compiler.compile(&world);
        let broken: BTreeSet<usize> = compiled
            .diagnostics
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .map(|it| it.primary.document)
            .collect();
        let good: Good = world
            .documents
            .iter()
            .enumerate()
            .filter_map(|(index, document)| {
                let text = if broken.contains(&index) {
                    self.good.get(&*document.origin)?
                } else {
                    &document.text
                };
                Some((document.origin.to_string(), text.clone()))
            })
            .collect();
        if good != self.good {
            let plain: BTreeMap<&str, &str> = good
                .iter()
                .map(|(name, text)| (name.as_str(), &**text))
                .collect();
            write_private(&self.good_file, &serde_json::to_vec(&plain)?)?;
            self.good = good;
        }
        Ok(Project {
            documents: world.documents,
            unreadable: read.unreadable.clone(),
            compiled,
        })
    }
}
