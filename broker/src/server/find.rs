//! Where nats-server lies.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Error, io};

/// The oldest version that is used. Older lines let accounts reach into each other
/// (CVE-2025-30215, and the reset of other accounts' consumers before 2.14.4).
pub const MINIMUM_VERSION: &str = "2.15.1";

/// The nats-server to run: `VRSKY_NATS_SERVER` if it is set, else `nats-server` in `PATH`, else the
/// one that set-up left in the cache (`$XDG_CACHE_HOME/vrsky/bin`, else `~/.cache/vrsky/bin`).
///
/// Errors: none found, or the newest found is older than [`MINIMUM_VERSION`].
pub fn find_server() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("VRSKY_NATS_SERVER") {
        return checked(PathBuf::from(path));
    }
    let mut too_old = None;
    for path in candidates().into_iter().filter(|path| path.is_file()) {
        match checked(path) {
            Ok(path) => return Ok(path),
            Err(error) => too_old = too_old.or(Some(error)),
        }
    }
    Err(too_old.unwrap_or(Error::NotFound))
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .chain(cache.map(|folder| folder.join("vrsky/bin/nats-server")))
        .collect()
}

/// The path, if what lies there is new enough.
fn checked(path: PathBuf) -> Result<PathBuf, Error> {
    let found = version(&path)?;
    if !is_new_enough(&found) {
        return Err(Error::TooOld { path, found });
    }
    Ok(path)
}

/// Whether a server of this version may be used.
pub(crate) fn is_new_enough(version: &str) -> bool {
    parse(version) >= parse(MINIMUM_VERSION)
}

/// What `nats-server --version` says, without the words around it.
fn version(path: &Path) -> Result<String, Error> {
    let output = Command::new(path)
        .arg("--version")
        .output()
        .map_err(|source| io(path, source))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let word = text.split_whitespace().last().unwrap_or("unknown");
    Ok(word.trim_start_matches('v').to_owned())
}

/// Numbers to compare by. What is no version is older than all.
fn parse(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Some((major, minor, patch)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    /// A program that another thread forks while this one writes it cannot be run ("text file busy").
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    struct Pretended {
        folder: tempfile::TempDir,
        _alone: MutexGuard<'static, ()>,
    }

    impl Pretended {
        fn path(&self) -> PathBuf {
            self.folder.path().join("nats-server")
        }
    }

    fn pretend(version: &str) -> Pretended {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nats-server");
        std::fs::write(
            &path,
            format!("#!/bin/sh\necho 'nats-server: v{version}'\n"),
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Pretended {
            folder,
            _alone: alone,
        }
    }

    #[test]
    fn an_older_server_is_refused_with_both_versions_in_the_message() {
        let pretended = pretend("2.9.10");
        let message = checked(pretended.path()).unwrap_err().to_string();
        assert!(message.contains("2.9.10") && message.contains(MINIMUM_VERSION));
    }

    #[test]
    fn the_minimum_and_what_is_newer_is_taken() {
        for version in [MINIMUM_VERSION, "2.15.2", "2.16.0-beta.1", "3.0.0"] {
            let pretended = pretend(version);
            assert_eq!(checked(pretended.path()).unwrap(), pretended.path());
        }
    }

    #[test]
    fn what_says_no_version_is_refused() {
        let pretended = pretend("eleven");
        assert!(matches!(
            checked(pretended.path()),
            Err(Error::TooOld { .. })
        ));
    }
}
