//! One command after the other, each announced and timed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Steps that were taken, with their times.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<(String, Duration)>);

impl Steps {
    /// Does something and takes its time.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n── {name}");
        let began = Instant::now();
        let result = work();
        self.0.push((name.to_owned(), began.elapsed()));
        result.with_context(|| format!("step: {name}"))
    }

    /// Prints the times.
    pub(crate) fn print(&self) {
        println!("\ntimes");
        for (name, time) in &self.0 {
            println!("  {:>7.1} s  {name}", time.as_secs_f64());
        }
        let sum: Duration = self.0.iter().map(|(_, time)| *time).sum();
        println!("  {:>7.1} s  in all", sum.as_secs_f64());
    }
}

/// A `cargo` command in the repository, as from a shell: it is told nothing of what `cargo run` says of
/// this program. The build script of ring looks at that (`rerun-if-env-changed`), so that ring, and all that
/// needs it, would be compiled again here, and once more from a shell.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os() {
        let is_of_xtask = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
        if ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(is_of_xtask) {
            command.env_remove(&name);
        }
    }
    command
        .args(arguments)
        .current_dir(vrsky_e2e::program::repository());
    command
}

/// Builds the product, with the features that the whole workspace is built with: nothing is compiled
/// again for its tests.
pub(crate) fn build_product() -> anyhow::Result<()> {
    let product = ["--bin", "vrsky", "--bin", "vrsky-runtime"];
    run(cargo(&["build", "--workspace"]).args(product))
}

/// Builds packages as images have them: optimised, and with their own features alone.
pub(crate) fn build_optimised(packages: &[&str]) -> anyhow::Result<()> {
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    run(cargo(&["build", "--release"]).args(packages))
}

/// Runs a command to its end; its output is for the person who looks.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    anyhow::ensure!(status.success(), "{} ended with {status}", words(command));
    Ok(())
}

/// Runs a command to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    anyhow::ensure!(
        output.status.success(),
        "{} ended with {}: {}",
        words(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program in `PATH`, or what to do to get it.
pub(crate) fn require(program: &str, advice: &str) -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| is_file(&folder.join(program)));
    anyhow::ensure!(is_there, "`{program}` is not in PATH. Install it: {advice}");
    Ok(())
}

/// Whether we may change the machine.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
