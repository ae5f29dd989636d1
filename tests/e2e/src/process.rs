//! Processes: signals, and what `/proc` says of them.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// `USER_HZ`: the unit of times in `/proc`, the same on every Linux (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// A port of 127.0.0.1 that nobody listens at.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// Ends a process as a crash would: SIGKILL.
pub fn kill(pid: u32) -> anyhow::Result<()> {
    kill_process(identity(pid)?, Signal::KILL).with_context(|| format!("cannot kill {pid}"))
}

/// Asks a process to end in good order: SIGTERM.
pub fn terminate(pid: u32) -> anyhow::Result<()> {
    kill_process(identity(pid)?, Signal::TERM).with_context(|| format!("cannot signal {pid}"))
}

/// Whether a process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    let exists = identity(pid).is_ok_and(|pid| test_kill_process(pid).is_ok());
    exists && state(pid).is_some_and(|state| state != 'Z')
}

/// Waits until a process is gone; false if it still is there after `limit`.
pub fn wait_gone(pid: u32, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while is_alive(pid) {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Processes whose command line has `text` in it.
pub fn with_argument(text: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut pids: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
        })
        .collect();
    pids.sort_unstable();
    pids
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    let mut pids: Vec<u32> = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect();
    pids.sort_unstable();
    pids
}

/// What a process is called: the file name of its executable.
pub fn name(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(
        Path::new(&path)
            .file_name()?
            .to_str()?
            .trim_end_matches(" (deleted)")
            .to_owned(),
    )
}

/// CPU time of a process so far, user and system, in seconds.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    let (_, fields) = stat
        .rsplit_once(')')
        .context("malformed /proc/<pid>/stat")?;
    // Fields 14 and 15 of proc(5), counted behind the name, which is the second.
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// The most memory that a process has ever held, in bytes (`VmHWM`).
pub fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    kilobytes(pid, "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

/// The memory that a process holds, in bytes (`VmRSS`).
pub fn memory(pid: u32) -> anyhow::Result<u64> {
    kilobytes(pid, "VmRSS:").map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(pid: u32, field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no {field} in /proc/{pid}/status"))
}

fn identity(pid: u32) -> anyhow::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .with_context(|| format!("{pid} is no pid"))
}

fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
