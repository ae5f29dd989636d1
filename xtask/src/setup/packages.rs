//! The programs that a distribution brings and that a cluster needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

/// A program, and the Debian package that brings it. What has no place in `PATH` is named in full, with
/// the places that distributions have for it.
pub(super) type Need = (&'static [&'static str], &'static str);

/// For the API server alone.
pub(super) const API: &[Need] = &[(&["openssl"], "openssl")];

/// What Argo CD keeps its caches in.
pub(super) const ARGOCD: &[Need] = &[(&["redis-server"], "redis-server")];

/// For a node.
pub(super) const NODE: &[Need] = &[
    (&["containerd"], "containerd"),
    (&["runc"], "runc"),
    (
        &[
            "/usr/lib/cni/bridge",
            "/opt/cni/bin/bridge",
            "/usr/libexec/cni/bridge",
        ],
        "containernetworking-plugins",
    ),
    (&["ip"], "iproute2"),
    (&["nft"], "nftables"),
    (&["cc"], "gcc"),
];

/// Installs what is missing: with apt-get where that can be, else it says what to run.
pub(super) fn install(needs: &[Need]) -> anyhow::Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let words = format!(
        "apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    let has_apt = Path::new("/usr/bin/apt-get").is_file();
    anyhow::ensure!(
        has_apt && step::is_root(),
        "not installed: {}. Run: sudo {words}",
        missing.join(", ")
    );
    println!("{words}");
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments)?;
    let missing = self::missing(needs);
    anyhow::ensure!(
        missing.is_empty(),
        "installed, and still not found: {}",
        missing.join(", ")
    );
    Ok(())
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    step::run(
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs
        .iter()
        .filter(|(programs, _)| !programs.iter().any(|program| is_there(program)))
        .map(|(_, package)| *package)
        .collect()
}

/// `/usr/sbin` is not in everybody's `PATH`.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}
