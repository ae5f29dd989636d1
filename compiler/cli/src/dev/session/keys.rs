//! The keys of a folder's server, in a file that only its owner reads.

use anyhow::Context as _;
use vrsky_broker::Keys;

use crate::dev::state::{self, State};

pub(super) fn load(state: &State) -> anyhow::Result<Keys> {
    let file = state.folder().join("keys.json");
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            anyhow::anyhow!("{} is damaged; next: `vrsky dev --fresh`", file.display())
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let keys = Keys::generate()?;
            save(state, &keys)?;
            Ok(keys)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

pub(super) fn save(state: &State, keys: &Keys) -> anyhow::Result<()> {
    state::write_private(
        &state.folder().join("keys.json"),
        &serde_json::to_vec_pretty(keys)?,
    )
}
