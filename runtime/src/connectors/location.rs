//! Where `file` connectors may read and write: inside the project folder.
//!
//! A Flow is written by a tenant, the runtime's folders are not: without this check a Flow could read
//! the runtime's credentials, or the secrets of another namespace.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::Blocked;

/// Checks a path as written in a Flow: relative, without `..`, not in `.vrsky`. The result begins with
/// `base`.
pub(super) fn inside(base: &Path, text: &str, field: &str) -> Result<PathBuf, Blocked> {
    let mut path = base.to_path_buf();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) if name != ".vrsky" => path.push(name),
            Component::CurDir => {}
            _ => {
                return Err(Blocked::at(
                    field,
                    format!("{text:?} must be relative to the project folder and stay inside it"),
                ));
            }
        }
    }
    Ok(path)
}

/// Makes `folder`, then checks that no link on the way leads out of `base`.
pub(super) fn ready(base: &Path, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    check(base, folder)
}

/// Checks that `folder` exists and that no link on the way leads out of `base`.
pub(super) fn check(base: &Path, folder: &Path) -> io::Result<()> {
    let base = base.canonicalize()?;
    let folder = folder.canonicalize()?;
    let state = base.join(".vrsky");
    if folder.starts_with(&base) && !folder.starts_with(state) {
        Ok(())
    } else {
        Err(io::Error::other("a link leads out of the project folder"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn paths_stay_inside_the_project_folder() {
        let base = Path::new("/project");
        assert_eq!(
            inside(base, "out/./a", "spec").unwrap(),
            Path::new("/project/out/a")
        );
        for text in [
            "/etc/passwd",
            "../x",
            "out/../../x",
            ".vrsky/secrets",
            "./.vrsky",
        ] {
            let blocked = inside(base, text, "spec.source.with.folder").unwrap_err();
            assert_eq!(
                blocked.path.as_deref(),
                Some("spec.source.with.folder"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_link_that_leads_out_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(other.path(), base.path().join("out")).unwrap();
        assert!(ready(base.path(), &base.path().join("out")).is_err());
        assert!(ready(base.path(), &base.path().join("in/deep")).is_ok());
    }
}
