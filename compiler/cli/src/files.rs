//! Reads manifests: files and folders, in the same order everywhere.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::safe;

/// The largest file that is read, in bytes. An API server takes objects up to 1.5 MiB.
pub(crate) const LARGEST: u64 = 4 << 20;
/// The deepest folder that is read, from the one that was asked for.
const DEEPEST: usize = 32;

/// A manifest as it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    /// The path to print: relative to the working folder where it lies below it.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// A file whose content cannot be read as a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unreadable {
    /// The path to print.
    pub(crate) name: String,
    /// Why, one line.
    pub(crate) reason: String,
}

/// What a walk finds.
#[derive(Debug, Default)]
struct Found {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

/// All manifests under `paths`, sorted by path; each file once. `-` is standard input.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<(Vec<File>, Vec<Unreadable>)> {
    let mut found = Found::default();
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .take(LARGEST * 16 + 1)
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            take(
                "<stdin>".to_owned(),
                bytes,
                LARGEST * 16,
                &mut files,
                &mut unreadable,
            );
        } else if path.is_dir() {
            walk(path, &mut BTreeSet::new(), DEEPEST, &mut found)?;
        } else {
            anyhow::ensure!(
                path.exists(),
                "{} does not exist; `vrsky check --help` shows what can be read",
                path.display()
            );
            found.files.insert(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    for path in found.files {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if !seen.insert(real) {
            continue;
        }
        let mut bytes = Vec::new();
        let taken = std::fs::File::open(&path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        match taken {
            Ok(_) => take(name(&path), bytes, LARGEST, &mut files, &mut unreadable),
            Err(error) => unreadable.push(Unreadable {
                name: name(&path),
                reason: format!("cannot be read: {error}"),
            }),
        }
    }
    files.sort();
    unreadable.sort();
    Ok((files, unreadable))
}

/// All folders in which manifests are looked for, from `root` down.
pub(crate) fn folders(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = Found::default();
    walk(root, &mut BTreeSet::new(), DEEPEST, &mut found)?;
    Ok(found.folders)
}

/// Whether a file name is a manifest's.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Whether a folder is passed by: hidden, or made by tools.
fn is_skipped(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') || name == "target" || name == "node_modules"
    })
}

/// `ancestors`: the real folders between the start and here, so that a link back up ends the way.
fn walk(
    folder: &Path,
    ancestors: &mut BTreeSet<PathBuf>,
    depth: usize,
    found: &mut Found,
) -> anyhow::Result<()> {
    let real = folder
        .canonicalize()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    if depth == 0 || !ancestors.insert(real.clone()) {
        return Ok(());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", folder.display()))?
            .path();
        if path.is_dir() {
            if !is_skipped(&path) {
                walk(&path, ancestors, depth - 1, found)?;
            }
        } else if path.is_file() && is_manifest(&path) && !is_hidden(&path) {
            found.files.insert(path);
        }
    }
    ancestors.remove(&real);
    found.folders.insert(folder.to_owned());
    Ok(())
}

/// Editors keep half-written copies under hidden names.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn take(
    name: String,
    bytes: Vec<u8>,
    largest: u64,
    files: &mut Vec<File>,
    unreadable: &mut Vec<Unreadable>,
) {
    if bytes.len() as u64 > largest {
        let reason = format!("is larger than {} MiB", largest >> 20);
        unreadable.push(Unreadable { name, reason });
        return;
    }
    match String::from_utf8(bytes) {
        Ok(text) => files.push(File { name, text }),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = String::from_utf8_lossy(&error.as_bytes()[..valid])
                .matches('\n')
                .count()
                + 1;
            let reason = format!("is not UTF-8: line {line}, byte {valid} of the file");
            unreadable.push(Unreadable { name, reason });
        }
    }
}

/// How a path is printed: relative to the working folder, without a leading `./`, safe.
fn name(path: &Path) -> String {
    let working = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&working).unwrap_or(path);
    let path = path.strip_prefix("./").unwrap_or(path);
    safe::line(&path.to_string_lossy())
}
