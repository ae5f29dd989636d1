//! The two runners, and the streams that each works between.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use async_nats::jetstream;
use serde_json::{Value, json};
use tempfile::TempDir;
use vrsky_e2e::Folder;

use super::server::{self, Server};
use crate::step;

const SCRIPT: &str = include_str!("mq_bridge.py");

const MANIFESTS: &str = "apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {namespaces: [acme], tier: Dedicated}
---
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: globex}
spec: {namespaces: [globex]}
---
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: incoming, namespace: acme}
spec:
  contract: {fields: {id: string, status: string, country: string, total_price: string, customer: string, note: string}}
---
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: orders, namespace: acme}
spec:
  contract: {fields: {id: string, total: number, country: string}}
---
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: orders-for-globex, namespace: acme}
spec: {to: {tenant: globex}, topic: orders}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: shape, namespace: acme}
spec:
  source: {topic: incoming}
  steps:
    - filter: .status == \"paid\"
    - map: '. = {\"id\": .id, \"total\": to_float!(.total_price), \"country\": .country}'
  sinks: {shared: {topic: orders}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: read, namespace: globex}
spec:
  source: {topic: acme/orders}
  sinks: {out: {connector: log}}
";

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// vrsky-runtime.
    Vrsky,
    /// mq-bridge, from PyPI.
    MqBridge,
}

/// A runner with what it needs to start.
#[derive(Debug)]
pub(crate) struct Runner {
    /// Who.
    pub(crate) kind: Kind,
    /// The stream it reads.
    pub(crate) input: String,
    /// The subjects of the messages in it: as many as it has partitions.
    pub(crate) subjects: Vec<String>,
    /// The stream it writes.
    pub(crate) output: String,
    /// Its subject.
    pub(crate) published: String,
    binary: PathBuf,
    program: Option<Value>,
    place: TempDir,
}

/// A runner that runs. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Runner {
    /// vrsky-runtime, with the program that the compiler makes of the manifests, for so many pods.
    pub(crate) fn vrsky(compiler: &Path, runtime: &Path, pods: usize) -> anyhow::Result<Self> {
        let folder = Folder::empty()?;
        let scale = format!("  scale: {{max: {pods}}}\n  sinks: {{shared");
        let manifests = MANIFESTS.replace("  sinks: {shared", &scale);
        folder.write("all.yaml", &manifests)?;
        let printed = step::output(
            Command::new(compiler)
                .args(["plan", "--output", "json"])
                .arg(folder.path()),
        )?;
        let plan: Value = serde_json::from_str(&printed)?;
        let tenant = &plan["tenants"]["acme"];
        let program = tenant["programs"]["acme/shape"].clone();
        let id = tenant["id"]
            .as_str()
            .context("the plan has no tenant acme")?;
        anyhow::ensure!(program.is_object(), "the plan has no program: {printed}");
        Ok(Self {
            kind: Kind::Vrsky,
            input: format!("T_{id}"),
            subjects: (0..pods)
                .map(|number| match number {
                    0 => "e.acme_shape.in".to_owned(),
                    number => format!("e.acme_shape.in_{number}"),
                })
                .collect(),
            output: format!("X_{id}"),
            published: "x.orders".to_owned(),
            binary: runtime.to_owned(),
            program: Some(program),
            place: tempfile::tempdir()?,
        })
    }

    /// mq-bridge, in the Python that has it.
    pub(crate) fn mq_bridge(python: &Path) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        std::fs::write(place.path().join("mq_bridge_route.py"), SCRIPT)?;
        Ok(Self {
            kind: Kind::MqBridge,
            input: "IN".to_owned(),
            subjects: vec!["in.orders".to_owned()],
            output: "OUT".to_owned(),
            published: "out.orders".to_owned(),
            binary: python.to_owned(),
            program: None,
            place,
        })
    }

    /// What it is called in tables.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Vrsky => "vrsky-runtime",
            Kind::MqBridge => "mq-bridge 1.2.0",
        }
    }

    /// Makes its streams anew.
    pub(crate) async fn lay_out(&self, jetstream: &jetstream::Context) -> anyhow::Result<()> {
        let wildcard =
            |subject: &str| format!("{}.>", subject.split('.').next().unwrap_or_default());
        server::make(jetstream, &self.input, &wildcard(&self.subjects[0]), -1).await?;
        server::make(jetstream, &self.output, &wildcard(&self.published), -1).await?;
        let Some(program) = &self.program else {
            return Ok(());
        };
        let id = self.id();
        server::make(jetstream, &format!("D_{id}"), "d.>", -1).await?;
        server::make(jetstream, "KV_programs", "$KV.programs.>", 1).await?;
        server::make(jetstream, "KV_leases", "$KV.leases.>", 1).await?;
        server::make(jetstream, "REPORTS", "reports.>", 1).await?;
        let index = json!({"programs": {"acme/shape": program["hash"]}});
        for (key, value) in [("acme_shape", program), ("index", &index)] {
            let subject = format!("$KV.programs.{id}.{key}");
            jetstream
                .publish(subject, value.to_string().into())
                .await?
                .await?;
        }
        Ok(())
    }

    /// Starts it.
    pub(crate) fn start(&self, server: &Server) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.binary);
        match self.kind {
            Kind::Vrsky => command
                .args(["--nats", server.url(), "--tenant-id", self.id()])
                .args(["--listen", "127.0.0.1:0"]),
            Kind::MqBridge => command
                .arg(self.place.path().join("mq_bridge_route.py"))
                .arg(server.url()),
        };
        let child = command
            .current_dir(self.place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name()))?;
        Ok(Running(child))
    }

    fn id(&self) -> &str {
        self.input.trim_start_matches("T_")
    }
}

impl Running {
    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
