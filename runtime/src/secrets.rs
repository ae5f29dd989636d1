//! Secrets: files `<folder>/<namespace>/<name>/<key>`, re-read on change, never printed.
//!
//! Links are followed: a Kubernetes volume swaps its content by a link.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

/// The largest secret in bytes, as in Kubernetes.
const MAX_BYTES: u64 = 1024 * 1024;
/// How long an answer is reused before the file is looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// The folder of a tenant's secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    folder: Arc<Path>,
    cache: Arc<Mutex<BTreeMap<PathBuf, Cached>>>,
}

/// A key of a secret in the flow's own namespace, as written in `secretRef`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// The secret.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// A secret's text. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

/// A secret that cannot be used; the text names it and says why, without its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No such file.
    #[error("the secret {name} has no key {key}")]
    Missing {
        /// The secret.
        name: String,
        /// The key.
        key: String,
    },
    /// The file cannot be read.
    #[error("the key {key} of the secret {name} cannot be read: {reason}")]
    Unreadable {
        /// The secret.
        name: String,
        /// The key.
        key: String,
        /// What the system, or the check of the content, said.
        reason: String,
    },
}

struct Cached {
    checked: Instant,
    stamp: Stamp,
    secret: Secret,
}

/// What changes when the file does, or another takes its place.
#[derive(PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Secrets {
    /// Secrets below `folder`, which need not exist.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().into(),
            cache: Arc::default(),
        }
    }

    /// The secret's text without the line break at its end. The file is looked at once a second at
    /// most, so that a changed secret is used without a restart.
    pub fn read(&self, namespace: &str, reference: &SecretRef) -> Result<Secret, SecretError> {
        let missing = || SecretError::Missing {
            name: reference.name.clone(),
            key: reference.key.clone(),
        };
        if ![namespace, &reference.name, &reference.key]
            .into_iter()
            .all(is_name)
        {
            return Err(missing());
        }
        let path = self
            .folder
            .join(namespace)
            .join(&reference.name)
            .join(&reference.key);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cache.get(&path)
            && cached.checked.elapsed() < FRESH
        {
            return Ok(cached.secret.clone());
        }
        let unreadable = |reason: String| SecretError::Unreadable {
            name: reference.name.clone(),
            key: reference.key.clone(),
            reason,
        };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(missing()),
            Err(error) => {
                cache.remove(&path);
                return Err(match error.kind() {
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => missing(),
                    _ => unreadable(error.to_string()),
                });
            }
        };
        let stamp = Stamp {
            file: (metadata.dev(), metadata.ino()),
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
        };
        if let Some(cached) = cache.get_mut(&path)
            && cached.stamp == stamp
        {
            cached.checked = Instant::now();
            return Ok(cached.secret.clone());
        }
        if stamp.bytes > MAX_BYTES {
            return Err(unreadable("it is larger than 1 MiB".to_owned()));
        }
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
        let secret = Secret(text.trim_end_matches(['\n', '\r']).into());
        let checked = Instant::now();
        cache.insert(
            path,
            Cached {
                checked,
                stamp,
                secret: secret.clone(),
            },
        );
        Ok(secret)
    }

    /// Forgets what was read, as if a second had passed.
    #[cfg(test)]
    fn age(&self) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for cached in cache.values_mut() {
            cached.checked -= FRESH;
        }
    }
}

impl Secret {
    /// The text, for the one place that needs it. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Secrets")
            .field(&self.folder)
            .finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The names that Kubernetes allows for secrets and their keys: one path component, never `..`.
fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

    use super::*;

    fn reference(name: &str, key: &str) -> SecretRef {
        SecretRef {
            name: name.to_owned(),
            key: key.to_owned(),
        }
    }

    fn shop() -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("acme/shop")).unwrap();
        fs::write(folder.path().join("acme/shop/signing"), "first\n").unwrap();
        let secrets = Secrets::new(folder.path());
        (folder, secrets)
    }

    #[test]
    fn the_line_break_at_the_end_is_no_part_of_a_secret() {
        let (_folder, secrets) = shop();
        let secret = secrets.read("acme", &reference("shop", "signing")).unwrap();
        assert_eq!(secret.expose(), "first");
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let (folder, secrets) = shop();
        secrets.read("acme", &reference("shop", "signing")).unwrap();
        fs::write(folder.path().join("acme/shop/signing"), "second one\n").unwrap();
        secrets.age();
        let secret = secrets.read("acme", &reference("shop", "signing")).unwrap();
        assert_eq!(secret.expose(), "second one");
    }

    /// Puts content as a projected volume of Kubernetes has it: files in a folder with a time in its
    /// name, `..data` links there, and each secret is a link through `..data`. A change makes
    /// another folder and renames one link.
    fn project(volume: &Path, version: &str, keys: &[(&str, &str)]) {
        use std::os::unix::fs::symlink;
        let content = volume.join(format!("..{version}"));
        for (place, text) in keys {
            let file = content.join(place);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
            let secret = place.split('/').next().unwrap();
            let link = volume.join(secret);
            if !link.is_symlink() {
                symlink(format!("..data/{secret}"), link).unwrap();
            }
        }
        symlink(format!("..{version}"), volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    }

    #[test]
    fn a_projected_volume_is_read_and_its_changes_seen() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("acme");
        project(&volume, "1", &[("shop/signing", "first")]);
        let secrets = Secrets::new(folder.path());
        let read = |name, key| {
            secrets.age();
            secrets.read("acme", &reference(name, key))
        };
        assert_eq!(read("shop", "signing").unwrap().expose(), "first");
        assert!(read("erp", "token").is_err(), "not there yet");
        // Of the same length, and a secret that comes later.
        let keys = [("shop/signing", "other"), ("erp/token", "hush")];
        project(&volume, "2", &keys);
        assert_eq!(read("shop", "signing").unwrap().expose(), "other");
        assert_eq!(read("erp", "token").unwrap().expose(), "hush");
        project(&volume, "3", &[("erp/token", "hush")]);
        assert!(read("shop", "signing").is_err(), "its link leads nowhere");
        // The links themselves are no names of secrets.
        assert!(read("..data", "erp").is_err());
    }

    #[test]
    fn a_removed_file_is_missing_again() {
        let (folder, secrets) = shop();
        secrets.read("acme", &reference("shop", "signing")).unwrap();
        fs::remove_file(folder.path().join("acme/shop/signing")).unwrap();
        secrets.age();
        let error = secrets
            .read("acme", &reference("shop", "signing"))
            .unwrap_err();
        assert_eq!(error.to_string(), "the secret shop has no key signing");
    }

    #[test]
    fn no_name_leads_out_of_the_namespace() {
        let (folder, secrets) = shop();
        fs::create_dir_all(folder.path().join("globex/x")).unwrap();
        fs::write(folder.path().join("globex/x/key"), "theirs").unwrap();
        for (name, key) in [
            ("../globex/x", "key"),
            ("..", "globex"),
            ("shop", "../../globex/x/key"),
            ("shop", ".."),
            ("", "key"),
            ("shop", ""),
            ("shop\0", "signing"),
        ] {
            let error = secrets.read("acme", &reference(name, key)).unwrap_err();
            assert!(matches!(error, SecretError::Missing { .. }), "{name}/{key}");
        }
        assert!(secrets.read("globex", &reference("x", "key")).is_ok());
    }

    #[test]
    fn debug_output_has_no_secret() {
        let (_folder, secrets) = shop();
        let secret = secrets.read("acme", &reference("shop", "signing")).unwrap();
        assert!(!format!("{secret:?}{secrets:?}").contains("first"));
    }
}
