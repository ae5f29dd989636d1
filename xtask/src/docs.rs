//! Rewrites the generated files. The tests that compare them do it, when told to.

use crate::step::{self, Steps, cargo};

/// The tests that own generated files: package, and the test's file if it is an integration test.
const OWNERS: [(&str, Option<&str>); 3] = [
    ("vrsky-crds", None),
    ("vrsky-e2e", Some("plans")),
    ("vrsky-e2e", Some("charts")),
];

/// Rewrites all, then shows what changed.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.take("build", || {
        step::run(&mut cargo(&["build", "--quiet", "-p", "vrsky"]))
    })?;
    for (package, test) in OWNERS {
        steps.take(package, || {
            let mut command = cargo(&["test", "--quiet", "-p", package]);
            if let Some(test) = test {
                command.args(["--test", test]);
            }
            step::run(command.env("UPDATE", "1"))
        })?;
    }
    println!("\nwhat changed: git status --short charts deploy docs tests/e2e/snapshots");
    Ok(())
}
