//! One at a time on a machine: a lock file that the kernel frees when its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How long another may hold it: a whole test binary of stories.
const PATIENCE: Duration = Duration::from_mins(30);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "open is locked")] File);

impl Lock {
    /// Waits for a lock.
    pub(super) fn take(name: &str) -> anyhow::Result<Self> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = Self::try_take(name)? {
                return Ok(lock);
            }
            anyhow::ensure!(
                Instant::now() < end,
                "process {} holds {} for more than {PATIENCE:?}",
                std::fs::read_to_string(file(name)?)?.trim(),
                file(name)?.display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes a lock if it is free.
    pub(super) fn try_take(name: &str) -> anyhow::Result<Option<Self>> {
        let path = file(name)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Self(file)))
    }
}

fn file(name: &str) -> anyhow::Result<PathBuf> {
    let folder = crate::cache::folder()?;
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{name}.lock")))
}
