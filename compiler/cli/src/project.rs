//! A folder of manifests as the compiler sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use vrsky_compiler::{Compiled, Diagnostic, Document, Incumbents, Severity, World, compile};
use vrsky_plan::TenantName;

use crate::arguments::{Deny, Input};
use crate::config::{self, Repository};
use crate::files::{self, Unreadable};

/// What was read, and what the compiler made of it.
#[derive(Debug)]
pub(crate) struct Project {
    /// The files, in the order of the labels' indices.
    pub(crate) documents: Vec<Document>,
    /// Files that could not be read as text.
    pub(crate) unreadable: Vec<Unreadable>,
    /// What came out.
    pub(crate) compiled: Compiled,
}

/// Reads and compiles what a command line names, with nothing running yet.
pub(crate) fn load(input: &Input) -> anyhow::Result<Project> {
    let repository = Repository::find(&start(&input.paths))?;
    let (files, unreadable) = files::read(&input.paths)?;
    let documents = files
        .into_iter()
        .map(|file| Document::new(file.name, file.text))
        .collect();
    let world = World {
        now: Timestamp::now(),
        documents,
        repository: declared(&repository)?,
        incumbents: Incumbents::default(),
        replicas: 1,
    };
    let mut compiled = compile(&world);
    deny(&mut compiled.diagnostics, &input.deny);
    Ok(Project {
        documents: world.documents,
        unreadable,
        compiled,
    })
}

/// What `vrsky.toml` says, in the compiler's words. Without one, what is not here does not exist.
pub(crate) fn declared(
    repository: &Repository,
) -> anyhow::Result<Option<vrsky_compiler::Repository>> {
    let Some(config) = &repository.config else {
        return Ok(None);
    };
    let tenants = config
        .tenants
        .iter()
        .map(TenantName::new)
        .collect::<Result<BTreeSet<_>, _>>()
        .with_context(|| format!("in {}", repository.root.join(config::FILE).display()))?;
    Ok(Some(vrsky_compiler::Repository { tenants }))
}

impl Project {
    /// Whether texts and findings are those of `other`.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let texts = |project: &Self| -> Vec<_> {
            let texts = project.documents.iter();
            texts
                .map(|it| (it.origin.clone(), Arc::clone(&it.text)))
                .collect()
        };
        self.compiled.diagnostics == other.compiled.diagnostics
            && self.unreadable == other.unreadable
            && texts(self) == texts(other)
    }

    /// Whether anything is wrong.
    pub(crate) fn has_errors(&self) -> bool {
        !self.unreadable.is_empty()
            || self
                .compiled
                .diagnostics
                .iter()
                .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Where to look for `vrsky.toml`.
fn start(paths: &[PathBuf]) -> PathBuf {
    match paths.first() {
        Some(path) if path.as_os_str() != "-" => path.clone(),
        _ => Path::new(".").to_owned(),
    }
}

/// Findings that the reader does not tolerate become errors.
fn deny(diagnostics: &mut [Diagnostic], denied: &[Deny]) {
    for diagnostic in diagnostics {
        let is_denied = match diagnostic.severity {
            Severity::Error => false,
            Severity::Unverifiable => denied.contains(&Deny::Unverifiable),
            Severity::Unproven => denied.contains(&Deny::Unproven),
            Severity::Warning => denied.contains(&Deny::Warnings),
        };
        if is_denied {
            diagnostic.severity = Severity::Error;
        }
    }
}
