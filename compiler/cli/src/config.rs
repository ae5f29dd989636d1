//! `vrsky.toml`: what a repository says of itself.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// The name of the file.
pub(crate) const FILE: &str = "vrsky.toml";

/// What `vrsky.toml` may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The tenants that this repository holds completely: a reference into one of them that finds
    /// nothing is wrong, a reference into any other is unverifiable.
    #[serde(default)]
    pub(crate) tenants: Vec<String>,
}

/// A repository's root and configuration.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// The folder of `vrsky.toml`, or the folder that was asked for if there is none above it.
    pub(crate) root: PathBuf,
    /// What `vrsky.toml` says; none if there is no such file.
    pub(crate) config: Option<Config>,
}

impl Repository {
    /// Looks for `vrsky.toml` in `start` (or beside it, if it is a file) and in the folders above,
    /// up to the first that holds `.git`.
    pub(crate) fn find(start: &Path) -> anyhow::Result<Self> {
        let start = start
            .canonicalize()
            .with_context(|| format!("cannot read {}", start.display()))?;
        let folder = if start.is_dir() {
            start.as_path()
        } else {
            start.parent().unwrap_or(&start)
        };
        for candidate in folder.ancestors() {
            let file = candidate.join(FILE);
            if file.is_file() {
                return Ok(Self {
                    root: candidate.to_owned(),
                    config: Some(read(&file)?),
                });
            }
            if candidate.join(".git").exists() {
                break;
            }
        }
        Ok(Self {
            root: folder.to_owned(),
            config: None,
        })
    }
}

fn read(file: &Path) -> anyhow::Result<Config> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    toml::from_str(&text).with_context(|| {
        format!(
            "{} is not valid; it may hold: tenants = [\"name\", …]",
            file.display()
        )
    })
}
