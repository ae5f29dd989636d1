//! The binaries of this workspace that stories run.

use std::path::{Path, PathBuf};

/// The `vrsky` binary of the build that the running program belongs to.
pub fn vrsky() -> anyhow::Result<PathBuf> {
    find("vrsky")
}

/// The `vrsky-runtime` binary of the same build.
pub fn runtime() -> anyhow::Result<PathBuf> {
    find("vrsky-runtime")
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Test executables lie in `<profile>/deps`, `xtask` in `<profile>`: the binaries are in an ancestor.
fn find(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    this.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            anyhow::anyhow!(
                "{name} is not built beside {}: run `cargo build -p vrsky -p vrsky-runtime`",
                this.display()
            )
        })
}
