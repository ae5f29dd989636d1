//! Level one: an API server and its etcd, alone. No root, seconds, any number beside each other.
//!
//! There is no node: pods are stored and never run. It has the admission of a real cluster (pod
//! security, validating policies, quotas), RBAC, and tokens of service accounts.

use std::path::Path;

use tempfile::TempDir;

use super::daemon;
use super::kubectl::Kubectl;
use super::plane::Plane;
use crate::process::free_port;

/// What [`Api::with_controllers`] adds: owned objects go with their owner, namespaces end, service
/// accounts exist, roles aggregate, CRDs' quotas count.
const CONTROLLERS: [&str; 7] = [
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "resourcequota-controller",
    "validatingadmissionpolicy-status-controller",
];

/// Every request once, when it is answered.
const AUDIT: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
";

/// An API server of one's own, in a temporary folder. Ended, and the folder deleted, when dropped.
#[derive(Debug)]
pub struct Api {
    kubectl: Kubectl,
    // Ended before its folder goes: fields are dropped in this order.
    running: Running,
    _folder: TempDir,
}

impl Api {
    /// Starts etcd and the API server. Nothing is deleted by garbage collection, namespaces never
    /// end, and no service account is made by itself.
    pub fn start() -> anyhow::Result<Self> {
        Self::begin(&["--disable-admission-plugins=ServiceAccount"])
    }

    /// The same with the controllers that keep objects in order.
    pub fn with_controllers() -> anyhow::Result<Self> {
        let api = Self::begin(&[])?;
        api.running.0.start_controllers(&CONTROLLERS)?;
        Ok(api)
    }

    /// The same as [`Api::start`], with every request written down in the file `audit.log` of its
    /// folder: one JSON object a line (audit.k8s.io/v1, level Metadata).
    pub fn audited() -> anyhow::Result<Self> {
        Self::begin(&[
            "--disable-admission-plugins=ServiceAccount",
            "--audit-policy-file=audit.yaml",
            "--audit-log-path=audit.log",
        ])
    }

    fn begin(arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("vrsky-api-").tempdir()?;
        std::fs::write(folder.path().join("audit.yaml"), AUDIT)?;
        // There is no node that could reach it.
        let always = [
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
        ];
        let running = Running(Plane {
            folder: folder.path().to_owned(),
            address: "127.0.0.1".to_owned(),
            port: free_port()?,
            services: "10.0.0.0/16",
            arguments: always
                .iter()
                .chain(arguments)
                .map(|&it| it.to_owned())
                .collect(),
            outlives_terminal: false,
        });
        let kubectl = running.0.start(&[])?;
        Ok(Self {
            kubectl,
            running,
            _folder: folder,
        })
    }

    /// Its administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// State and logs.
    pub fn folder(&self) -> &Path {
        &self.running.0.folder
    }

    /// Ends the API server as a crash would; etcd goes on.
    pub fn kill_server(&self) -> anyhow::Result<()> {
        daemon::kill(&self.running.0.folder, "kube-apiserver")
    }

    /// Starts the API server again, at the same address and with the same objects.
    pub fn start_server(&self) -> anyhow::Result<()> {
        self.running.0.start_api_server()
    }
}

#[derive(Debug)]
struct Running(Plane);

impl Drop for Running {
    fn drop(&mut self) {
        for name in ["kube-controller-manager", "kube-apiserver", "etcd"] {
            // Its state is thrown away: there is nothing that it would have to put in order.
            let _nobody_to_tell = daemon::kill(&self.0.folder, name);
        }
    }
}
