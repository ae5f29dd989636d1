//! Processes of `vrsky dev`: told apart from strangers that inherited a pid, and ended in order.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// How long a process may take to end after SIGTERM.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// A process that we started, as written down for the next start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its pid.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`): a pid alone may
    /// have gone to a stranger.
    pub(crate) started: Option<u64>,
    /// What it executes.
    pub(crate) executable: Option<PathBuf>,
}

impl Process {
    /// Describes a process that runs.
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            started: started(pid),
            executable: executable(pid),
        }
    }

    /// Whether it still runs, and is the one that was described.
    pub(crate) fn is_alive(&self) -> bool {
        let Some(pid) = identity(self.pid) else {
            return false;
        };
        test_kill_process(pid).is_ok()
            && self.started.is_some()
            && started(self.pid) == self.started
            && executable(self.pid) == self.executable
    }

    /// Asks it to end, waits, then ends it. Blocks, at most [`GRACE`] and a little.
    pub(crate) fn end(&self) {
        let Some(pid) = identity(self.pid) else {
            return;
        };
        if !self.is_alive() {
            return;
        }
        let _ = kill_process(pid, Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            if !self.is_alive() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Asks a process to end in good order.
pub(crate) fn ask_to_end(pid: u32) {
    if let Some(pid) = identity(pid) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn identity(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, and may hold anything; a zombie has ended.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

fn executable(pid: u32) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // A binary that was rebuilt meanwhile is still the one that we started.
    let text = path.to_string_lossy().into_owned();
    Some(PathBuf::from(
        text.strip_suffix(" (deleted)").unwrap_or(&text),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_child_is_known_and_ended_and_a_stranger_is_not() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        // The kernel shows the new program only once `exec` has happened.
        let mut process = Process::of(child.id());
        while process
            .executable
            .as_ref()
            .is_none_or(|it| !it.ends_with("sleep") && !it.to_string_lossy().contains("coreutils"))
        {
            std::thread::sleep(LOOK);
            process = Process::of(child.id());
        }
        assert!(process.is_alive());
        let stranger = Process {
            started: process.started.map(|ticks| ticks + 1),
            ..process.clone()
        };
        assert!(!stranger.is_alive());
        stranger.end();
        assert!(process.is_alive(), "a stranger's record ended it");
        process.end();
        assert!(!child.wait().unwrap().success());
        assert!(!process.is_alive());
    }
}
