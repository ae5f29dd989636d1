//! A folder of manifests in a temporary place, to be edited while it runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// A copy of an example, or an empty folder. Deleted when dropped.
#[derive(Debug)]
pub struct Folder {
    place: TempDir,
}

impl Folder {
    /// An empty folder.
    pub fn empty() -> anyhow::Result<Self> {
        let place = tempfile::Builder::new().prefix("vrsky-").tempdir()?;
        Ok(Self { place })
    }

    /// A copy of `examples/flows/<name>`, in which everything goes to `receiver` (a URL without a
    /// path) instead of `http://127.0.0.1:9000`.
    pub fn example(name: &str, receiver: &str) -> anyhow::Result<Self> {
        let folder = Self::empty()?;
        let from = crate::program::repository()
            .join("examples/flows")
            .join(name);
        copy(&from, folder.path())?;
        for file in folder.manifests()? {
            let text = std::fs::read_to_string(&file)?;
            std::fs::write(&file, text.replace("http://127.0.0.1:9000", receiver))?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes a file; folders are made. As an editor saves: whole or not at all.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path().join(name);
        let parent = path.parent().context("a file has a folder")?;
        std::fs::create_dir_all(parent)?;
        let file = path
            .file_name()
            .context("a file has a name")?
            .to_string_lossy();
        let temporary = parent.join(format!(".{file}.saving"));
        std::fs::write(&temporary, text)?;
        std::fs::rename(&temporary, &path).with_context(|| format!("cannot save {name}"))
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.path().join(name))
            .with_context(|| format!("cannot read {name}"))
    }

    /// Replaces text in a file and saves it. The text must be there.
    pub fn edit(&self, name: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let text = self.read(name)?;
        anyhow::ensure!(text.contains(from), "{name} does not contain {from:?}");
        self.write(name, &text.replace(from, to))
    }

    /// Deletes a file.
    pub fn delete(&self, name: &str) -> anyhow::Result<()> {
        std::fs::remove_file(self.path().join(name))
            .with_context(|| format!("cannot delete {name}"))
    }

    fn manifests(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        walk(self.path(), &mut files)?;
        files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
        Ok(files)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    walk(from, &mut files)?;
    for file in files {
        let target = to.join(file.strip_prefix(from)?);
        std::fs::create_dir_all(target.parent().context("a file has a folder")?)?;
        std::fs::copy(&file, &target)?;
    }
    Ok(())
}

/// All files below, hidden ones left out.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
