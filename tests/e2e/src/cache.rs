//! Where built tools lie: outside the clone, so that a fresh clone is fast.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::program;

/// `${XDG_CACHE_HOME:-~/.cache}/vrsky`.
pub fn folder() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => {
            let home = std::env::var_os("HOME")
                .ok_or_else(|| anyhow::anyhow!("neither XDG_CACHE_HOME nor HOME is set"))?;
            PathBuf::from(home).join(".cache")
        }
    };
    Ok(base.join("vrsky"))
}

/// The nats-server of the pinned module, as `cargo xtask setup` builds it.
pub fn nats_server() -> anyhow::Result<PathBuf> {
    Ok(folder()?.join("bin/nats-server"))
}

/// The folder of the npm package `@octokit/webhooks-examples`, as `cargo xtask setup` installs it.
/// `lock` is the text of `tools/webhooks-examples/package-lock.json`, which names the version.
pub fn webhooks_examples(lock: &str) -> anyhow::Result<PathBuf> {
    Ok(folder()?.join(format!("webhooks-examples-{}", digest(lock))))
}

/// The folder of a Python with the packages that `tools/<tool>` pins, as `cargo xtask setup` makes it.
pub fn python(tool: &str) -> anyhow::Result<PathBuf> {
    let pins = python_pins(tool);
    let text = std::fs::read_to_string(&pins)
        .with_context(|| format!("cannot read {}", pins.display()))?;
    Ok(folder()?.join(format!("{tool}-{}", digest(&text))))
}

/// What `pip` installs for a tool.
pub fn python_pins(tool: &str) -> PathBuf {
    let tools = program::repository().join("tools");
    tools.join(tool).join("requirements.txt")
}

/// The first 16 characters (hex) of the SHA-256 of a lock file: the key of what was built from it.
pub fn digest(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hex = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    hex.truncate(16);
    hex
}
