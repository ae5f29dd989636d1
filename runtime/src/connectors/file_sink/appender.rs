//! Appends whole lines to a file that other processes may append to as well.
//!
//! Every batch is written under a lock on the file (`flock`). A writer that died in the middle of a
//! line leaves a torn one: whoever writes next repairs it, so that no reader ever meets two documents
//! on a line. A torn line that is a whole object, array or text only lacks its line break and gets it;
//! any other is cut off: it was never acknowledged.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;

use crate::connectors::location;

/// How long another writer may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far back a torn line is looked for at a time.
const STRIDE: u64 = 64 * 1024;

/// One file, by its path.
#[derive(Debug)]
pub(super) struct Appender {
    base: PathBuf,
    path: PathBuf,
    max_bytes: Option<u64>,
    open: Option<File>,
}

impl Appender {
    /// `path` begins with `base`, where links must not lead out.
    pub(super) fn new(base: &Path, path: PathBuf, max_bytes: Option<u64>) -> Self {
        Self {
            base: base.to_path_buf(),
            path,
            max_bytes,
            open: None,
        }
    }

    /// Appends all of the lines, each with its line break, and syncs. On an error none of them counts
    /// as written, though some may be.
    pub(super) fn append(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let file = self.locked()?;
            let written = self.append_some(&file, rest);
            let unlocked = file.unlock();
            rest = &rest[written?..];
            unlocked?;
            self.open = Some(file);
        }
        Ok(())
    }

    /// Appends as many lines as the file may take, at least one; if it may take none, it is renamed.
    fn append_some(&self, file: &File, lines: &[Vec<u8>]) -> io::Result<usize> {
        let start = repair(file)?;
        let mut batch = Vec::new();
        let mut count = 0;
        for line in lines {
            let length = start + (batch.len() + line.len()) as u64;
            let empty = start == 0 && batch.is_empty();
            if !empty && self.max_bytes.is_some_and(|max| length > max) {
                break;
            }
            batch.extend_from_slice(line);
            count += 1;
        }
        if count == 0 {
            self.rotate()?;
            return Ok(0);
        }
        let mut writer = file;
        if let Err(error) = writer.write_all(&batch).and_then(|()| file.sync_data()) {
            // Nobody was told that these lines are written: take them back if the disk still can.
            let _torn_lines_are_repaired_later = file.set_len(start);
            return Err(error);
        }
        Ok(count)
    }

    /// The file that the path names now, open and locked.
    fn locked(&mut self) -> io::Result<File> {
        let started = Instant::now();
        loop {
            let file = match self.open.take() {
                Some(file) => file,
                None => self.create()?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                    self.open = Some(file);
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("another process holds the file"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Another writer may have renamed it, or somebody has removed it.
            match fs::symlink_metadata(&self.path) {
                Ok(named) if same(&named, &file.metadata()?) => return Ok(file),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn create(&self) -> io::Result<File> {
        let folder = self.folder();
        location::ready(&self.base, folder)?;
        if let Ok(named) = fs::symlink_metadata(&self.path)
            && !named.is_file()
        {
            return Err(io::Error::other("it is no plain file"));
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)?;
        File::open(folder)?.sync_all()?;
        Ok(file)
    }

    /// Renames the file to `<path>.<n>`, n one more than the highest there is.
    fn rotate(&self) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{name}.");
        let mut highest = 0_u64;
        for entry in fs::read_dir(self.folder())? {
            let entry = entry?.file_name();
            let entry = entry.to_string_lossy();
            if let Some(number) = entry
                .strip_prefix(&prefix)
                .and_then(|text| text.parse().ok())
            {
                highest = highest.max(number);
            }
        }
        fs::rename(
            &self.path,
            self.folder().join(format!("{prefix}{}", highest + 1)),
        )?;
        File::open(self.folder())?.sync_all()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.base)
    }
}

/// Ends the file with a whole line. The result is its length.
fn repair(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let torn = torn_line(file, length)?;
    if torn.is_empty() {
        return Ok(length);
    }
    let delimited = matches!(torn.first(), Some(b'{' | b'[' | b'"'));
    if delimited && serde_json::from_slice::<IgnoredAny>(&torn).is_ok() {
        let mut writer = file;
        writer.write_all(b"\n")?;
        Ok(length + 1)
    } else {
        let whole = length - torn.len() as u64;
        file.set_len(whole)?;
        Ok(whole)
    }
}

/// What follows the last line break.
fn torn_line(file: &File, length: u64) -> io::Result<Vec<u8>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    let mut torn = Vec::new();
    let mut start = length;
    while last != *b"\n" && start > 0 {
        let end = start;
        start = start.saturating_sub(STRIDE);
        let mut part = vec![0; (end - start) as usize];
        file.read_exact_at(&mut part, start)?;
        let line_break = part.iter().rposition(|&byte| byte == b'\n');
        torn.splice(..0, part.drain(line_break.map_or(0, |at| at + 1)..));
        if line_break.is_some() {
            break;
        }
    }
    Ok(torn)
}

fn same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.dev() == other.dev() && one.ino() == other.ino()
}
