//! How far a file was taken in when the source was stopped.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The content of `<done>/.<name>.progress`.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    /// What the ids of the file's messages begin with: it says that the file is still the same.
    id: String,
    /// Messages that are stored, from the first on.
    messages: usize,
}

/// How many messages of the file are stored already.
pub(super) fn read(done: &Path, name: &OsStr, id: &str) -> usize {
    let text = fs::read(path(done, name)).unwrap_or_default();
    match serde_json::from_slice::<Progress>(&text) {
        Ok(progress) if progress.id == id => progress.messages,
        _ => 0,
    }
}

/// Writes it down, whole or not at all.
pub(super) fn write(done: &Path, name: &OsStr, id: &str, messages: usize) -> io::Result<()> {
    let path = path(done, name);
    let draft = path.with_extension("progress-draft");
    let progress = Progress {
        id: id.to_owned(),
        messages,
    };
    fs::write(&draft, serde_json::to_vec(&progress)?)?;
    fs::rename(draft, path)
}

/// Forgets it.
pub(super) fn remove(done: &Path, name: &OsStr) -> io::Result<()> {
    match fs::remove_file(path(done, name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn path(done: &Path, name: &OsStr) -> PathBuf {
    let mut file = std::ffi::OsString::from(".");
    file.push(name);
    file.push(".progress");
    done.join(file)
}
