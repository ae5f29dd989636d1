//! etcd and the API server, which both levels have in common.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::kubectl::Kubectl;
use super::programs::KUBERNETES;
use super::{certificates, daemon};
use crate::process::free_port;

/// How long a program of the control plane may take to be ready, on a busy machine.
const START: Duration = Duration::from_mins(1);
/// So long after its start, etcd has ended if it cannot have its ports.
const SETTLES: Duration = Duration::from_millis(200);

/// What is known by its token alone: file name, user, group.
const USERS: [(&str, &str, &str); 5] = [
    ("admin", "admin", "system:masters"),
    ("controllers", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("kubelet", "system:node:node-1", "system:nodes"),
    ("proxy", "system:kube-proxy", "system:node-proxier"),
];

/// Where a control plane lives, and how its API server is started: what a restart needs as well.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// State, logs, keys, kubeconfigs.
    pub(super) folder: PathBuf,
    /// Where the API server listens, and nowhere else.
    pub(super) address: String,
    pub(super) port: u16,
    /// Addresses of services.
    pub(super) services: &'static str,
    /// Further arguments of the API server.
    pub(super) arguments: Vec<String>,
    /// Whether its programs outlive an interrupt from the terminal.
    pub(super) outlives_terminal: bool,
}

impl Plane {
    /// Makes keys and kubeconfigs, then starts etcd and the API server; ready when it returns.
    pub(super) fn start(&self, names: &[&str]) -> anyhow::Result<Kubectl> {
        std::fs::create_dir_all(&self.folder)?;
        let mut addresses = vec!["127.0.0.1", self.address.as_str()];
        addresses.extend(names);
        addresses.dedup();
        certificates::make(&self.folder, &addresses)?;
        let mut tokens = Vec::new();
        for (file, user, group) in USERS {
            let token = random()?;
            std::fs::write(self.kubeconfig(file), self.config(&token))?;
            tokens.push(format!("{token},{user},{file},{group}"));
        }
        std::fs::write(self.folder.join("tokens.csv"), tokens.join("\n"))?;
        self.start_etcd()?;
        self.start_api_server()?;
        self.kubectl()
    }

    /// The administrator.
    pub(super) fn kubectl(&self) -> anyhow::Result<Kubectl> {
        Kubectl::new(&self.kubeconfig("admin"))
    }

    pub(super) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.kubeconfig"))
    }

    /// Starts one of the programs built from the pins.
    pub(super) fn run(&self, name: &str, arguments: &[String]) -> anyhow::Result<()> {
        let mut command = Command::new(KUBERNETES.program(name)?);
        command.args(arguments);
        self.launch(name, &mut command)
    }

    /// Starts any program.
    pub(super) fn launch(&self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        if self.outlives_terminal {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        daemon::start(&self.folder, name, command)
    }

    /// Starts etcd; it listens when this returns. A port that was free may be somebody's by then: with
    /// others it is tried again.
    fn start_etcd(&self) -> anyhow::Result<()> {
        for _ in 0..2 {
            if self.try_etcd().is_ok() {
                return Ok(());
            }
        }
        self.try_etcd()
    }

    fn try_etcd(&self) -> anyhow::Result<()> {
        let ports = [free_port()?, free_port()?];
        let [clients, peers] = ports.map(|it| format!("http://127.0.0.1:{it}"));
        std::fs::write(self.folder.join("etcd.address"), &clients)?;
        // Without fsync: the machine's death is not among the stories, and tests are not to wait for disks.
        self.run(
            "etcd",
            &[
                format!("--data-dir={}", self.folder.join("etcd").display()),
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
                format!("--listen-client-urls={clients}"),
                format!("--advertise-client-urls={clients}"),
                format!("--listen-peer-urls={peers}"),
                format!("--initial-advertise-peer-urls={peers}"),
                format!("--initial-cluster=default={peers}"),
            ],
        )?;
        daemon::wait_ready(&self.folder, "etcd", START, || {
            let listens = TcpStream::connect(("127.0.0.1", ports[0])).is_ok();
            // Or does somebody else, and it is about to end?
            std::thread::sleep(SETTLES);
            listens && daemon::pid(&self.folder, "etcd").is_some()
        })
    }

    /// Starts the API server; ready when it returns.
    pub(super) fn start_api_server(&self) -> anyhow::Result<()> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let etcd = std::fs::read_to_string(self.folder.join("etcd.address"))?;
        let mut arguments = vec![
            format!("--etcd-servers={etcd}"),
            format!("--bind-address={}", self.address),
            format!("--advertise-address={}", self.address),
            format!("--secure-port={}", self.port),
            format!("--cert-dir={}", self.folder.display()),
            format!("--tls-cert-file={}", file("api.crt")),
            format!("--tls-private-key-file={}", file("api.key")),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!(
                "--service-account-signing-key-file={}",
                file("accounts.key")
            ),
            format!("--service-account-key-file={}", file("accounts.key")),
            format!("--service-cluster-ip-range={}", self.services),
            // As in every real cluster: what pods may be is decided by pod security.
            "--allow-privileged=true".to_owned(),
        ];
        arguments.extend_from_slice(&self.arguments);
        self.run("kube-apiserver", &arguments)?;
        let kubectl = self.kubectl()?;
        daemon::wait_ready(&self.folder, "kube-apiserver", START, || {
            kubectl.run(&["get", "--raw", "/readyz"]).is_ok()
        })
    }

    /// Starts the controllers: all of them, or those that are named.
    pub(super) fn start_controllers(&self, which: &[&str]) -> anyhow::Result<()> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments = vec![
            format!("--kubeconfig={}", self.kubeconfig("controllers").display()),
            "--use-service-account-credentials=true".to_owned(),
            format!(
                "--service-account-private-key-file={}",
                file("accounts.key")
            ),
            format!("--root-ca-file={}", file("ca.crt")),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        if !which.is_empty() {
            arguments.push(format!("--controllers={}", which.join(",")));
        }
        self.run("kube-controller-manager", &arguments)
    }

    fn config(&self, token: &str) -> String {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "vrsky-test", "cluster": {
                "server": format!("https://{}:{}", self.address, self.port),
                "certificate-authority": self.folder.join("ca.crt"),
            }}],
            "users": [{"name": "me", "user": {"token": token}}],
            "contexts": [{"name": "vrsky-test", "context": {"cluster": "vrsky-test", "user": "me"}}],
            "current-context": "vrsky-test",
        });
        // JSON is YAML, and clients of all languages read it as such.
        config.to_string()
    }
}

/// Whether the API server of a folder says that it is ready.
pub(super) fn is_ready(folder: &Path) -> bool {
    daemon::pid(folder, "kube-apiserver").is_some()
        && Kubectl::new(&folder.join("admin.kubeconfig"))
            .is_ok_and(|kubectl| kubectl.run(&["get", "--raw", "/readyz"]).is_ok())
}

fn random() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}
