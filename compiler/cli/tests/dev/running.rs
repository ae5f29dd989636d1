//! A running `vrsky dev`, a receiver of HTTP, and what tests ask of them. Every wait is bounded.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_mins(1);

pub(crate) struct Dev {
    child: Child,
    events: Inbox<Value>,
    heard: Vec<Value>,
    /// Events that `wait` has passed.
    at: usize,
}

pub(crate) fn vrsky(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrsky"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// A repository as `vrsky init` makes it, and a runtime beside the binary.
pub(crate) fn initialised() -> tempfile::TempDir {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let vrsky = Path::new(env!("CARGO_BIN_EXE_vrsky"));
        if !vrsky.with_file_name("vrsky-runtime").is_file() {
            let built = Command::new(env!("CARGO"))
                .args(["build", "-p", "vrsky-runtime"])
                .status();
            assert!(built.unwrap().success());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    assert!(
        vrsky(folder.path(), &["init"])
            .output()
            .unwrap()
            .status
            .success()
    );
    folder
}

impl Dev {
    /// Starts and waits until it is ready.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        let mut arguments = vec!["dev", ".", "--output", "json", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        let mut child = vrsky(folder, &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut dev = Self {
            child,
            events,
            heard: Vec::new(),
            at: 0,
        };
        dev.wait("ready", |event| event["event"] == "ready");
        dev
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event that `is` holds for, after the one that the last call found.
    pub(crate) fn wait(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + LONG;
        loop {
            while self.at < self.heard.len() {
                self.at += 1;
                if is(&self.heard[self.at - 1]) {
                    return self.heard[self.at - 1].clone();
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => self.heard.push(event),
                Err(reason) => panic!("no {what} ({reason}); heard: {}", self.all()),
            }
        }
    }

    fn all(&self) -> String {
        let lines: Vec<String> = self.heard.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    pub(crate) fn url(&self, tenant: &str) -> String {
        let ready = self
            .heard
            .iter()
            .find(|event| event["event"] == "ready")
            .unwrap();
        ready["urls"][tenant].as_str().unwrap().to_owned()
    }

    /// The runtime that was started last.
    pub(crate) fn runtime(&self, tenant: &str) -> u32 {
        let started = self.heard.iter().rev().find(|event| {
            event["event"] == "runtime" && event["state"] == "started" && event["tenant"] == tenant
        });
        u32::try_from(started.unwrap()["pid"].as_u64().unwrap()).unwrap()
    }

    /// What dev wrote down of its children.
    pub(crate) fn processes(folder: &Path) -> Vec<u32> {
        let state: Value =
            serde_json::from_slice(&fs::read(folder.join(".vrsky/state.json")).unwrap()).unwrap();
        let pid = |process: &Value| u32::try_from(process["pid"].as_u64().unwrap()).unwrap();
        state["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(pid)
            .collect()
    }

    /// Posts a document, which must be accepted.
    pub(crate) fn post(&self, tenant: &str, path: &str, document: &Value) {
        let answer = post(&self.url(tenant), path, document);
        assert!(
            answer.starts_with("HTTP/1.1 202"),
            "{answer}; heard: {}",
            self.all()
        );
    }

    /// The same, while a runtime comes back.
    pub(crate) fn post_until_accepted(&self, tenant: &str, path: &str, document: &Value) {
        let until = Instant::now() + LONG;
        while !post(&self.url(tenant), path, document).starts_with("HTTP/1.1 202") {
            assert!(Instant::now() < until, "never accepted");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a line in what the flow of `vrsky init` writes.
    pub(crate) fn delivered(&self, folder: &Path, line: &str) {
        let file = folder.join("out/orders.ndjson");
        let until = Instant::now() + LONG;
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.lines().any(|it| it == line) {
                return;
            }
            assert!(
                Instant::now() < until,
                "no {line} in {text}; heard: {}",
                self.all()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it in order; all that it said.
    pub(crate) fn stop(mut self) -> String {
        signal(self.pid(), Signal::TERM);
        self.wait("stopped", |event| event["event"] == "stopped");
        assert!(self.child.wait().unwrap().success());
        self.all()
    }

    /// Waits for the end of a killed one.
    pub(crate) fn wait_gone(&mut self) {
        self.child.wait().unwrap();
        while !matches!(
            self.events.recv_timeout(LONG),
            Err(RecvTimeoutError::Disconnected)
        ) {}
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A failed test: in order, so that no server stays behind.
            signal(self.pid(), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn post(url: &str, path: &str, document: &Value) -> String {
    let (address, base) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let body = document.to_string();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    stream.set_read_timeout(Some(LONG)).unwrap();
    let request = format!(
        "POST /{base}{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let _ = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    answer
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

pub(crate) fn assert_gone(processes: &[u32]) {
    for pid in processes {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_gone = stat.is_empty() || stat.contains(") Z ");
        assert!(is_gone, "{pid} still runs: {stat}");
    }
}

/// A port that nobody listens on.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Takes HTTP requests in and answers all of them the same.
pub(crate) struct Receiver {
    port: u16,
    status: Arc<AtomicU16>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(AtomicU16::new(status)),
            bodies: Arc::default(),
        };
        let (status, bodies) = (Arc::clone(&receiver.status), Arc::clone(&receiver.bodies));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (status, bodies) = (Arc::clone(&status), Arc::clone(&bodies));
                std::thread::spawn(move || serve(stream, &status, &bodies));
            }
        });
        receiver
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn wait_for(&self, part: &str) {
        let until = Instant::now() + LONG;
        loop {
            let bodies = self.bodies.lock().unwrap().clone();
            if bodies.iter().any(|body| body.contains(part)) {
                return;
            }
            assert!(Instant::now() < until, "no {part} in {bodies:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn serve(stream: TcpStream, status: &AtomicU16, bodies: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    bodies
        .lock()
        .unwrap()
        .push(String::from_utf8_lossy(&body).into_owned());
    let status = status.load(Ordering::SeqCst);
    let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = reader.get_mut().write_all(answer.as_bytes());
}
