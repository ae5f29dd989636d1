//! A cluster as the user sees it: what may not be read is told apart from what is not there.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use serde_json::Value;
use vrsky_plan::report::Backlog;

use crate::arguments::Access;
use crate::safe;

/// The pods of runtimes.
pub(crate) const RUNTIMES: &str =
    "app.kubernetes.io/managed-by=vrsky,app.kubernetes.io/name=vrsky-runtime";

/// How long the API server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where runtimes say how they are.
const HEALTH: u16 = 8081;

/// The group and version of our kinds.
pub(crate) const GROUP_VERSION: &str = "vrsky.io/v1alpha1";

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<T> {
    /// Here it is.
    There(T),
    /// There is none.
    Missing,
    /// This user may not see it, whether or not it is there.
    Hidden,
}

/// The kinds that commands read: one of ours by its plural, and those of Kubernetes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Ours(&'static str),
    ConfigMaps,
    Deployments,
    Leases,
    Pods,
    Secrets,
}

/// One user's view of one cluster, in one namespace.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

/// Runs a command that talks to a cluster.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

impl Cluster {
    /// Reads the kubeconfig; nothing is asked yet.
    pub(crate) async fn connect(access: &Access) -> anyhow::Result<Self> {
        // Another provider may have been set: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = KubeConfigOptions {
            context: access.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = match &access.kubeconfig {
            Some(path) => {
                let kubeconfig = Kubeconfig::read_from(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let mut config = config.context(
            "no cluster is known; next: set KUBECONFIG, or say which with --kubeconfig and --context",
        )?;
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        let namespace = access
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("the kubeconfig cannot be used")?;
        Ok(Self { client, namespace })
    }

    /// Objects of a kind in a namespace; cluster-scoped ones with `None`.
    pub(crate) fn api(&self, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = kind.resource();
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// One object of the user's namespace.
    pub(crate) async fn get(&self, kind: Kind, name: &str) -> anyhow::Result<Found<Value>> {
        self.get_in(kind, Some(&self.namespace), name).await
    }

    /// One object.
    pub(crate) async fn get_in(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> anyhow::Result<Found<Value>> {
        found(self.api(kind, namespace).get(name).await)
    }

    /// The objects of the user's namespace that a label selector names.
    pub(crate) async fn list(
        &self,
        kind: Kind,
        selector: &str,
    ) -> anyhow::Result<Found<Vec<Value>>> {
        self.list_in(kind, Some(&self.namespace), selector).await
    }

    /// The objects of a namespace, or of all, that a label selector names.
    pub(crate) async fn list_in(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        selector: &str,
    ) -> anyhow::Result<Found<Vec<Value>>> {
        let wanted = ListParams::default().labels(selector);
        let list = self.api(kind, namespace).list(&wanted).await;
        match found(list.map(|list| list.items))? {
            Found::There(Value::Array(items)) => Ok(Found::There(items)),
            Found::There(_) | Found::Missing => Ok(Found::Missing),
            Found::Hidden => Ok(Found::Hidden),
        }
    }

    /// What waits, as one runtime says that it last asked NATS; nothing where it does not answer (yet).
    pub(crate) async fn backlog(&self, pod: &Value) -> anyhow::Result<Found<Backlog>> {
        let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:{HEALTH}/proxy/backlog");
        let request = http::Request::get(path).body(Vec::new())?;
        match self.client.request_text(request).await {
            Ok(text) => {
                let backlog = serde_json::from_str(&text);
                let backlog = backlog
                    .with_context(|| format!("{} is of another version", safe::line(name)))?;
                Ok(Found::There(backlog))
            }
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(Found::Hidden),
            Err(kube::Error::Api(_)) => Ok(Found::Missing),
            Err(error) => anyhow::bail!(words(&error)),
        }
    }

    /// The flows of a namespace, or of all.
    pub(crate) async fn flows(&self, namespace: Option<&str>) -> anyhow::Result<Vec<Value>> {
        match self.list_in(Kind::Ours("flows"), namespace, "").await? {
            Found::There(flows) => Ok(flows),
            Found::Missing => {
                anyhow::bail!("VRSky is not in this cluster; next: kubectl vrsky check --pre")
            }
            Found::Hidden => anyhow::bail!("you may not list flows in {}", place(namespace)),
        }
    }
}

/// A namespace, or all, for people.
pub(crate) fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| "all namespaces".to_owned(), safe::line)
}

impl Kind {
    /// Of ours, by what a user types: `flow`, `flows`, `fl`.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let plural = match word.to_ascii_lowercase().as_str() {
            "flow" | "flows" | "fl" => "flows",
            "topic" | "topics" | "tp" => "topics",
            "connector" | "connectors" | "cn" => "connectors",
            "grant" | "grants" | "gr" => "grants",
            "tenant" | "tenants" | "vt" => "tenants",
            _ => return None,
        };
        Some(Self::Ours(plural))
    }

    fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Ours(plural) => {
                let kind = match plural {
                    "flows" => "Flow",
                    "topics" => "Topic",
                    "connectors" => "Connector",
                    "grants" => "Grant",
                    _ => "Tenant",
                };
                ("vrsky.io", "v1alpha1", kind, plural)
            }
            Self::ConfigMaps => ("", "v1", "ConfigMap", "configmaps"),
            Self::Deployments => ("apps", "v1", "Deployment", "deployments"),
            Self::Leases => ("coordination.k8s.io", "v1", "Lease", "leases"),
            Self::Pods => ("", "v1", "Pod", "pods"),
            Self::Secrets => ("", "v1", "Secret", "secrets"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }
}

/// The name in `flow/NAME`, or in `NAME`.
pub(crate) fn flow_name(wanted: &str) -> anyhow::Result<&str> {
    match wanted.split_once('/') {
        None => Ok(wanted),
        Some((kind, name)) if matches!(Kind::named(kind), Some(Kind::Ours("flows"))) => Ok(name),
        Some(_) => anyhow::bail!("a flow is flow/NAME, not {}", safe::line(wanted)),
    }
}

/// What an answer of the API server means.
pub(crate) fn found<T: serde::Serialize>(
    answer: Result<T, kube::Error>,
) -> anyhow::Result<Found<Value>> {
    match answer {
        Ok(object) => Ok(Found::There(serde_json::to_value(object)?)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Found::Missing),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Found::Hidden),
        Err(error) => Err(anyhow::anyhow!(words(&error))),
    }
}

/// What went wrong, for people: of an answer of the API server its message alone.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => safe::line(&status.message),
        other => safe::line(&other.to_string()),
    }
}

/// A condition of an object; `null` if it has none of this type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == kind)
        .unwrap_or(&Value::Null)
}
