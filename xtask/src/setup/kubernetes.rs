//! Builds the programs of a cluster from the modules that `tools/kubernetes/` pins.

use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use vrsky_e2e::cluster::programs::{KUBERNETES, Pins};

use crate::step;

/// Where the control plane's own version is, which the API server tells its clients.
const VERSION: &str = "k8s.io/component-base/version";

/// Builds what is not in the cache yet: all programs of a set, or none.
pub(super) fn build(pins: &Pins) -> anyhow::Result<()> {
    let target = pins.place()?;
    if target.is_dir() {
        println!("{} at {}", pins.folder, target.display());
        return Ok(());
    }
    step::require("go", super::GO)?;
    println!(
        "building {} (about {} minutes on two cores, once):",
        names(pins),
        pins.minutes
    );
    let parent = target.parent().context("it has a folder")?;
    std::fs::create_dir_all(parent)?;
    let place = tempfile::Builder::new()
        .prefix(&format!("{}-building-", pins.folder))
        .tempdir_in(parent)?;
    let flags = linker_flags(pins)?;
    for (name, package) in pins.programs {
        let began = Instant::now();
        let mut command = Command::new("go");
        command
            .args(["build", "-ldflags", &flags, "-o"])
            .arg(place.path().join(name))
            .arg(package)
            .current_dir(pins.module());
        if pins.is_static {
            command.env("CGO_ENABLED", "0");
        }
        step::run(&mut command)?;
        println!("  {name} in {} s", began.elapsed().as_secs());
    }
    // Whole or not at all: an interrupted build is not taken for a finished one.
    std::fs::rename(place.keep(), &target)?;
    println!("{} at {}", pins.folder, target.display());
    Ok(())
}

fn names(pins: &Pins) -> String {
    let names: Vec<&str> = pins.programs.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn linker_flags(pins: &Pins) -> anyhow::Result<String> {
    let mut flags = vec!["-s -w".to_owned()];
    if pins.folder == KUBERNETES.folder {
        let version = pins.version("k8s.io/kubernetes")?;
        let mut numbers = version.trim_start_matches('v').split('.');
        for (name, value) in [
            ("gitVersion", version.as_str()),
            ("gitMajor", numbers.next().unwrap_or_default()),
            ("gitMinor", numbers.next().unwrap_or_default()),
        ] {
            flags.push(format!("-X {VERSION}.{name}={value}"));
        }
    }
    Ok(flags.join(" "))
}
