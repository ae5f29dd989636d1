//! Licences and advisories.

use crate::step::{self, cargo};

/// Runs cargo-deny, if it is there.
pub(crate) fn run() -> anyhow::Result<()> {
    let installed = cargo(&["deny", "--version"])
        .output()
        .is_ok_and(|it| it.status.success());
    anyhow::ensure!(
        installed,
        "cargo-deny is not installed. Install it: cargo install --locked cargo-deny"
    );
    step::run(&mut cargo(&["deny", "--all-features", "check"]))
}
