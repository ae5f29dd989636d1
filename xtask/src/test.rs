//! Everything that must pass. The last line is cargo test's.

use vrsky_e2e::cluster::{Cluster, KUBECONFIG};

use crate::step::{self, Steps, cargo};
use crate::{image, setup};

/// Sets up, checks the format, lints, builds everything, brings a cluster up, tests everything.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.take("setup", setup::run)?;
    if has_component("fmt") {
        steps.take("format", || {
            step::run(&mut cargo(&["fmt", "--all", "--check"]))
        })?;
    }
    if has_component("clippy") {
        steps.take("lint", || {
            let lint = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ];
            step::run(&mut cargo(&lint))
        })?;
    }
    // The binaries that stories run are built here, with the features that the tests are built with.
    steps.take("build", || {
        step::run(&mut cargo(&[
            "build",
            "--workspace",
            "--all-targets",
            "--quiet",
        ]))
    })?;
    // A cluster that was there before stays: whoever brought it up is not done with it.
    let is_guest = std::env::var_os(KUBECONFIG).is_some() || Cluster::running().is_ok();
    if std::env::var_os(KUBECONFIG).is_none() {
        let images = steps.take("images", image::build_for_tests)?;
        steps.take("cluster", || {
            Cluster::up()?;
            image::load(&images)
        })?;
    }
    steps.print();
    println!("\n── test");
    let tested = step::run(
        cargo(&["test", "--workspace", "--no-fail-fast"]).env("PROPTEST_RNG_SEED", seed()),
    );
    if !is_guest {
        Cluster::down_if_unused()?;
    }
    tested
}

/// Random tests try the same cases each time, so that a change is judged by what it changed. Any
/// other seed is a search for what is wrong already: `PROPTEST_RNG_SEED=$RANDOM cargo xtask test`.
fn seed() -> String {
    std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| "1".to_owned())
}

fn has_component(name: &str) -> bool {
    let found = cargo(&[name, "--version"])
        .output()
        .is_ok_and(|it| it.status.success());
    if !found {
        println!("cargo {name} is not installed: skipped. Install it: rustup component add {name}");
    }
    found
}
