//! What lies in the folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::glob;

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    node: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            node: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Seconds and nanoseconds since 1970.
    pub(super) fn modified(&self) -> (i64, i64) {
        self.modified
    }
}

/// The files whose names match; no folders, no links.
pub(super) fn look(folder: &Path, pattern: &str) -> io::Result<BTreeMap<OsString, Stamp>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !glob::matches(pattern, &name.to_string_lossy()) {
            continue;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => {
                found.insert(name, Stamp::of(&metadata));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Opens the very file that was found: one that was swapped for a link meanwhile is refused.
pub(super) fn open(path: &Path, stamp: &Stamp) -> io::Result<File> {
    let file = File::open(path)?;
    if Stamp::of(&file.metadata()?) == *stamp {
        Ok(file)
    } else {
        Err(io::Error::other("it has changed"))
    }
}

/// Moves a finished file away, under a name that is free.
pub(super) fn finish(folder: &Path, name: &OsString, done: &Path) -> io::Result<()> {
    let mut target = done.join(name);
    let mut number = 0_u32;
    while target.symlink_metadata().is_ok() {
        number += 1;
        let mut numbered = name.clone();
        numbered.push(format!(".{number}"));
        target = done.join(numbered);
    }
    fs::rename(folder.join(name), target)
}
