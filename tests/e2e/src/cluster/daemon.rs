//! The long-running programs of a cluster: each has a log, and a file that holds its pid, so that
//! another process can end what this one started.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::process;

/// How long a program may take to end when asked.
const POLITE: Duration = Duration::from_secs(5);
/// How much of a log is shown when its program fails.
const LAST_LINES: usize = 8;

/// Starts a program. Its command line must name the cluster's folder: by that it is known again.
pub(super) fn start(folder: &Path, name: &str, command: &mut Command) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder.join("log"))?;
    std::fs::create_dir_all(folder.join("pid"))?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_file(folder, name))?;
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let written = std::fs::write(pid_file(folder, name), child.id().to_string());
    if written.is_err() {
        child.kill()?;
    }
    // Reaps it when it ends, however long that is from now.
    std::thread::spawn(move || child.wait());
    written.context("cannot write down a pid")
}

/// Asks every 50 ms until the answer is yes. A program that ends meanwhile shows what it said last.
pub(super) fn wait_ready(
    folder: &Path,
    name: &str,
    limit: Duration,
    mut ask: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    while !ask() {
        let said = || last_words(folder, name);
        anyhow::ensure!(
            pid(folder, name).is_some(),
            "{name} ended at its start; its log says:\n{}",
            said()
        );
        anyhow::ensure!(
            Instant::now() < end,
            "{name} was not ready within {limit:?}; its log says:\n{}",
            said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Ends a program, politely at first. No error if it does not run.
pub(super) fn stop(folder: &Path, name: &str) -> anyhow::Result<()> {
    if let Some(pid) = pid(folder, name)
        && process::terminate(pid).is_ok()
        && !process::wait_gone(pid, POLITE)
    {
        kill(folder, name)?;
    }
    forget(folder, name);
    Ok(())
}

/// Ends a program as a crash would.
pub(super) fn kill(folder: &Path, name: &str) -> anyhow::Result<()> {
    if let Some(pid) = pid(folder, name) {
        // It may end by itself in between.
        let killed = process::kill(pid);
        anyhow::ensure!(
            process::wait_gone(pid, POLITE),
            "{name} (pid {pid}) does not end: {killed:?}"
        );
    }
    forget(folder, name);
    Ok(())
}

/// The pid of a program that runs. A pid that was given to another program since is not taken for it.
pub(super) fn pid(folder: &Path, name: &str) -> Option<u32> {
    let pid = std::fs::read_to_string(pid_file(folder, name)).ok()?;
    let pid = pid.trim().parse().ok()?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let folder = folder.to_str()?;
    (process::is_alive(pid) && String::from_utf8_lossy(&line).contains(folder)).then_some(pid)
}

/// What a program said last.
pub(super) fn last_words(folder: &Path, name: &str) -> String {
    let log = std::fs::read(log_file(folder, name)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

fn forget(folder: &Path, name: &str) {
    // It is missing when the program never ran.
    let _missing = std::fs::remove_file(pid_file(folder, name));
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("log").join(name)
}

fn pid_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("pid").join(name)
}
