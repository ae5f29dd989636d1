//! Rewrites the generated files. The tests that compare them do it, when told to.

use crate::step::{self, cargo};

/// The tests that own generated files.
const OWNERS: [&str; 3] = ["chart", "charts", "plans"];

/// Rewrites all, then shows what changed.
pub(crate) fn run() -> anyhow::Result<()> {
    step::build_product()?;
    let owners = OWNERS.iter().flat_map(|test| ["--test", test]);
    let mut command = cargo(&["test", "--workspace"]);
    step::run(command.args(owners).env("UPDATE", "1"))?;
    println!("\nwhat changed: git status --short charts deploy docs tests/e2e/snapshots");
    Ok(())
}
