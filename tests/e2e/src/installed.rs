//! The product, installed by its charts in the cluster that stories share.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::chart::{self, NAMESPACE};
use crate::cluster::{Cluster, Kubectl};

/// How long anything in a cluster may take before a story gives up.
pub const SOON: Duration = Duration::from_mins(2);

/// The address of this machine as pods of our cluster see it.
const HOST: &str = "10.244.0.1";

/// Stories of one process take turns, as those of different processes do.
static TURN: Mutex<()> = Mutex::const_new(());

/// The product in the shared cluster, for one story at a time.
#[derive(Debug)]
pub struct Installed {
    cluster: &'static Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl Installed {
    /// Installs it, or brings what is installed up to date, and clears away what an earlier story
    /// left behind.
    pub async fn fresh() -> anyhow::Result<Self> {
        let installed = Self {
            _turn: TURN.lock().await,
            cluster: Cluster::shared()?,
        };
        installed.install(&[])?;
        installed.clear()?;
        Ok(installed)
    }

    /// Installs or upgrades it, with NATS, with further arguments for Helm.
    pub fn install(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.upgrade(arguments)?;
        for what in ["statefulset/vrsky-nats", "deployment/vrsky-operator"] {
            self.rolled_out(NAMESPACE, what)?;
        }
        Ok(())
    }

    /// The same, without waiting for anything to run.
    pub fn upgrade(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.helm(&["upgrade", "--install", "vrsky-crds"], "vrsky-crds", &[])?;
        let mut values = vec![
            "--set=image.registry=localhost,image.tag=dev,image.pullPolicy=Never",
            // The node has no storage class.
            "--set=nats.persistence.enabled=false",
            "--set=operator.env[0].name=RUST_LOG,operator.env[0].value=info\\,async_nats=error",
        ];
        values.extend(arguments);
        self.helm(&["upgrade", "--install", "vrsky"], "vrsky", &values)
    }

    /// Runs Helm on one of the charts.
    pub fn helm(&self, verb: &[&str], chart: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = chart::helm()?;
        command
            .args(verb)
            .arg(chart::folder(chart))
            .args(["--namespace", NAMESPACE, "--create-namespace"])
            .args(["--kubeconfig"])
            .arg(self.kubectl().kubeconfig())
            .args(arguments);
        let output = command.output().context("cannot start helm")?;
        anyhow::ensure!(
            output.status.success(),
            "helm {verb:?} {chart}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Removes the product as a user does; what Helm complained of, if it did.
    pub fn uninstall(&self) -> anyhow::Result<()> {
        self.helm_release(&["uninstall", "vrsky", "--wait", "--timeout=3m"])
    }

    /// Goes back to the release that runs, after an uninstall that was refused.
    pub fn rollback(&self) -> anyhow::Result<()> {
        self.helm_release(&["rollback", "vrsky", "--wait", "--timeout=3m"])
    }

    /// What `helm test` says.
    pub fn test(&self) -> anyhow::Result<()> {
        self.helm_release(&["test", "vrsky", "--timeout=1m"])
    }

    fn helm_release(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = chart::helm()?;
        command
            .args(arguments)
            .args(["--namespace", NAMESPACE, "--kubeconfig"])
            .arg(self.kubectl().kubeconfig());
        let output = command.output().context("cannot start helm")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{arguments:?}: {}", said.trim());
        Ok(())
    }

    /// Takes the operator away, or gives it back.
    pub fn scale_operator(&self, replicas: u32) -> anyhow::Result<()> {
        let replicas = format!("--replicas={replicas}");
        let operator = "deployment/vrsky-operator";
        self.kubectl()
            .run(&["scale", "-n", NAMESPACE, operator, &replicas])
            .map(drop)
    }

    /// Waits until a workload runs as it is written down.
    pub fn rolled_out(&self, namespace: &str, what: &str) -> anyhow::Result<()> {
        let timeout = format!("--timeout={}s", SOON.as_secs());
        self.kubectl()
            .run(&["rollout", "status", "-n", namespace, what, &timeout])
            .map(drop)
    }

    /// The cluster's administrator.
    pub fn kubectl(&self) -> &'static Kubectl {
        self.cluster.kubectl()
    }

    /// The cluster.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Where a [`crate::Receiver`] has to listen so that pods reach it.
    pub fn host(&self) -> String {
        let host = std::env::var("VRSKY_HOST_ADDRESS").unwrap_or_else(|_| HOST.to_owned());
        format!("{host}:0")
    }

    /// Deletes all resources of VRSky, and the namespaces of stories.
    pub fn clear(&self) -> anyhow::Result<()> {
        let kubectl = self.kubectl();
        let all = "flows,grants,topics,connectors";
        kubectl.run(&["delete", all, "--all", "--all-namespaces", "--timeout=60s"])?;
        kubectl.run(&["delete", "tenants", "--all", "--timeout=60s"])?;
        kubectl.run(&[
            "delete",
            "namespaces",
            "--selector=vrsky.io/story=true",
            "--timeout=90s",
        ])?;
        Ok(())
    }

    /// Makes a tenant with one namespace of its own name, under the restricted profile. `spec` are
    /// further fields of the Tenant, such as `tier: Dedicated`.
    pub fn tenant(&self, name: &str, spec: &str) -> anyhow::Result<()> {
        self.namespace(name)?;
        self.kubectl().apply(&format!(
            "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\n\
             spec: {{namespaces: [{name}]{separator}{spec}}}\n",
            separator = if spec.is_empty() { "" } else { ", " },
        ))?;
        Ok(())
    }

    /// Makes a namespace that the next story clears away.
    pub fn namespace(&self, name: &str) -> anyhow::Result<()> {
        self.kubectl().apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    \
             vrsky.io/story: 'true'\n    pod-security.kubernetes.io/enforce: restricted\n"
        ))?;
        Ok(())
    }

    /// Waits until an object is ready for its current generation, as kstatus and people see it.
    pub async fn ready(&self, namespace: &str, what: &str) -> anyhow::Result<Value> {
        self.until(namespace, what, |object| {
            let generation = &object["metadata"]["generation"];
            let ready = condition(object, "Ready");
            object["status"]["observedGeneration"] == *generation
                && ready["status"] == "True"
                && ready["observedGeneration"] == *generation
        })
        .await
    }

    /// Waits until an object is as `wanted`.
    pub async fn until(
        &self,
        namespace: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let end = std::time::Instant::now() + SOON;
        loop {
            let object = self.kubectl().get(&["-n", namespace, what])?;
            if wanted(&object) {
                return Ok(object);
            }
            anyhow::ensure!(
                std::time::Instant::now() < end,
                "{what} in {namespace} is not as wanted within {SOON:?}: {:#}\n{}",
                object["status"],
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The address of a Service, which this machine reaches as the cluster's node.
    pub fn service(&self, namespace: &str, name: &str) -> anyhow::Result<String> {
        let service = self.kubectl().get(&["-n", namespace, "service", name])?;
        let address = service["spec"]["clusterIP"]
            .as_str()
            .context("an address")?;
        let port = &service["spec"]["ports"][0]["port"];
        Ok(format!("http://{address}:{port}"))
    }

    /// Kills a pod's container as a crash would, with -9, and waits until the kubelet has started it
    /// again.
    pub async fn kill(&self, namespace: &str, selector: &str) -> anyhow::Result<()> {
        let victim = self.container(namespace, selector)?;
        self.cluster.signal(&victim, "SIGKILL")?;
        let is_back = || {
            let now = self.container(namespace, selector).ok()?;
            (now != victim).then_some(())
        };
        crate::until(SOON, is_back)
            .await
            .with_context(|| format!("{selector} in {namespace} was not started again"))
    }

    /// Sends the process of the first pod that a selector names a signal, such as `SIGSTOP`.
    pub fn signal(&self, namespace: &str, selector: &str, signal: &str) -> anyhow::Result<()> {
        let container = self.container(namespace, selector)?;
        self.cluster.signal(&container, signal)
    }

    /// The id of the container of the first pod that a selector names, as Kubernetes writes it.
    pub fn container(&self, namespace: &str, selector: &str) -> anyhow::Result<String> {
        let pods = self
            .kubectl()
            .get(&["-n", namespace, "pods", "--selector", selector])?;
        let container = &pods["items"][0]["status"]["containerStatuses"][0]["containerID"];
        container
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("no pod {selector} runs in {namespace}"))
    }

    /// The last lines of the operator's log, for a person who wants to know why.
    pub fn logs(&self) -> String {
        let logs = self.kubectl().run(&[
            "logs",
            "-n",
            NAMESPACE,
            "deployment/vrsky-operator",
            "--tail=40",
        ]);
        logs.unwrap_or_else(|error| error.to_string())
    }
}

/// A condition of an object; `null` if it has none of this type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == kind)
        .unwrap_or(&Value::Null)
}
