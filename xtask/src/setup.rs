//! Installs what the demo and the tests need, into the cache outside the clone.

mod kubernetes;
mod packages;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use vrsky_e2e::cluster::KUBECONFIG;
use vrsky_e2e::cluster::programs::{ARGOCD, COREDNS, FLUX, GATEWAY, KUBERNETES, TOOLS};
use vrsky_e2e::{cache, image, program};

use crate::step;

const GO: &str = "curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH";
const NODE: &str = "apt-get install npm (any Node from 18 on)";
const PYTHON: &str = "apt-get install python3 python3-venv";
const GIT: &str = "apt-get install git";
const COMPILER: &str = "apt-get install build-essential";

/// Everything that `cargo xtask test` needs.
pub(crate) fn run() -> anyhow::Result<()> {
    step::require("cc", COMPILER)?;
    step::require("make", COMPILER)?;
    step::require("python3", PYTHON)?;
    step::require("git", GIT)?;
    pinned_nats_server()?;
    webhooks_examples()?;
    let is_node_ours = std::env::var_os(KUBECONFIG).is_none();
    let node = if is_node_ours { packages::NODE } else { &[] };
    packages::install(&[packages::API, packages::ARGOCD, node].concat())?;
    kubernetes::build(&KUBERNETES)?;
    kubernetes::build(&TOOLS)?;
    kubernetes::build(&FLUX)?;
    kubernetes::build(&ARGOCD)?;
    GATEWAY.source("sigs.k8s.io/gateway-api")?;
    python("network-config-analyzer")?;
    if is_node_ours {
        kubernetes::build(&COREDNS)?;
    }
    Ok(())
}

/// What an API server alone needs.
pub(crate) fn api_server() -> anyhow::Result<()> {
    kubernetes::build(&KUBERNETES)
}

/// What our one-node cluster needs.
pub(crate) fn cluster() -> anyhow::Result<()> {
    packages::install(&[packages::API, packages::NODE].concat())?;
    kubernetes::build(&KUBERNETES)?;
    kubernetes::build(&COREDNS)
}

/// The nats-server: the one that the product itself would take, else built from the pinned module.
pub(crate) fn nats_server() -> anyhow::Result<PathBuf> {
    for candidate in candidates() {
        if let Some(found) = version(&candidate)
            && found >= OLDEST
        {
            println!("nats-server {} at {}", words(found), candidate.display());
            return Ok(candidate);
        }
    }
    pinned_nats_server()
}

/// The nats-server of the pinned module, linked statically, so that it runs in an image without a libc.
pub(crate) fn pinned_nats_server() -> anyhow::Result<PathBuf> {
    let wanted = pinned_version()?;
    let target = cache::nats_server()?;
    let is_there = target.is_file() && image::is_static(&target)?;
    if !is_there || version(&target) != Some(wanted) {
        step::require("go", GO)?;
        println!("building nats-server {} (a minute)", words(wanted));
        let parent = target.parent().context("it has a folder")?;
        std::fs::create_dir_all(parent)?;
        let built = parent.join(format!("nats-server.{}", std::process::id()));
        step::run(
            Command::new("go")
                .args(["build", "-trimpath", "-o"])
                .arg(&built)
                .arg("github.com/nats-io/nats-server/v2")
                .env("CGO_ENABLED", "0")
                .current_dir(module()),
        )?;
        std::fs::rename(&built, &target)?;
        anyhow::ensure!(
            version(&target) == Some(wanted),
            "the nats-server that was built has another version"
        );
    }
    println!("nats-server {} at {}", words(wanted), target.display());
    Ok(target)
}

/// The payloads that GitHub's users collected, from npm, as the lock file says.
pub(crate) fn webhooks_examples() -> anyhow::Result<PathBuf> {
    let pins = program::repository().join("tools/webhooks-examples");
    let lock = std::fs::read_to_string(pins.join("package-lock.json"))?;
    let target = cache::webhooks_examples(&lock)?;
    if target.is_dir() {
        println!("@octokit/webhooks-examples at {}", target.display());
        return Ok(target);
    }
    step::require("npm", NODE)?;
    let parent = target.parent().context("it has a folder")?;
    std::fs::create_dir_all(parent)?;
    let place = tempfile::Builder::new()
        .prefix("webhooks-examples-")
        .tempdir_in(parent)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(pins.join(file), place.path().join(file))?;
    }
    step::run(
        Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(place.path()),
    )?;
    // Whole or not at all: an interrupted install is not taken for a finished one.
    std::fs::rename(place.keep(), &target)?;
    println!("@octokit/webhooks-examples at {}", target.display());
    Ok(target)
}

/// A Python with the packages that `tools/<tool>` pins.
pub(crate) fn python(tool: &str) -> anyhow::Result<PathBuf> {
    let target = cache::python(tool)?;
    let python = target.join("bin/python3");
    let done = target.join(".installed");
    if !done.is_file() {
        step::require("python3", PYTHON)?;
        step::run(Command::new("python3").args(["-m", "venv"]).arg(&target))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ];
        step::run(
            Command::new(&python)
                .args(pip)
                .arg(cache::python_pins(tool)),
        )?;
        std::fs::write(&done, "")?;
    }
    println!("{tool} at {}", target.display());
    Ok(python)
}

type Version = (u32, u32, u32);

/// Older servers lose isolation or reset consumers across accounts wrongly.
const OLDEST: Version = (2, 15, 1);

/// In the order in which the product looks, before it looks into the cache.
fn candidates() -> Vec<PathBuf> {
    let named = std::env::var_os("VRSKY_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    named
        .into_iter()
        .chain(in_path)
        .filter(|candidate| candidate.is_file())
        .collect()
}

fn version(binary: &Path) -> Option<Version> {
    let text = step::output(Command::new(binary).arg("--version")).ok()?;
    parse(text.rsplit('v').next()?)
}

fn pinned_version() -> anyhow::Result<Version> {
    let text = std::fs::read_to_string(module().join("go.mod"))?;
    text.lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("github.com/nats-io/nats-server/v2 v")
        })
        .and_then(parse)
        .context("tools/nats-server/go.mod names no nats-server")
}

fn parse(text: &str) -> Option<Version> {
    let mut numbers = text
        .split(|it: char| !it.is_ascii_digit())
        .map(|number| number.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

fn words((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

fn module() -> PathBuf {
    program::repository().join("tools/nats-server")
}
