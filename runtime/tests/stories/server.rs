//! A private nats-server without accounts: inside one account the subjects are those of production.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that ends with the test.
pub struct Server {
    child: Option<Child>,
    pub port: u16,
    folder: TempDir,
}

impl Server {
    pub fn start() -> Self {
        Self::configured("")
    }

    /// Who names no user may publish everything but `subject`; the user `admin` may do all.
    pub fn denying(subject: &str) -> Self {
        Self::configured(&format!(
            "no_auth_user: runtime
             authorization: {{ users: [
                 {{ user: admin, password: admin }}
                 {{ user: runtime, password: runtime
                   permissions: {{ publish: {{ deny: [\"{subject}\"] }} }} }}
             ] }}"
        ))
    }

    /// With more of a configuration.
    pub fn configured(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("conf"), configuration).unwrap();
        let mut server = Self {
            child: None,
            port: free_port(),
            folder,
        };
        server.launch();
        server
    }

    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the process as a crash would, and starts it again on its data.
    pub fn crash_and_restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Ends the process as a crash would.
    pub fn crash(&mut self) {
        self.kill();
    }

    /// Starts it again on its data.
    pub fn restart(&mut self) {
        self.launch();
    }

    fn launch(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(binary())
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-js",
                "-sd",
            ])
            .arg(self.folder.path().join("data"))
            .arg("-c")
            .arg(self.folder.path().join("conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// In the order of the project: the variable, `PATH` if it is new enough, the cache of the set-up.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("VRSKY_NATS_SERVER") {
        return path.into();
    }
    if version("nats-server").is_some_and(|version| version >= [2, 15, 1]) {
        return "nats-server".into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vrsky/bin/nats-server")
}

fn version(binary: &str) -> Option<[u32; 3]> {
    let output = Command::new(binary).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut parts = text.trim().rsplit('v').next()?.split('.').map(str::parse);
    Some([
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    ])
}
