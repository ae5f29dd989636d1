//! What a plan asks for in tenants' namespaces, as Kubernetes has it.
//!
//! Typed builders only: what no builder sets cannot get into a tenant's namespace.

mod compute;
mod deployment;
mod network_policy;
mod offers;
mod way_in;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vrsky_plan::{FlowId, Plan, Tenant, TenantName, Workload};

use crate::config::Config;
use crate::index::Key;
use crate::kinds::Kind;
use crate::names::{
    self, ADDRESS, AUTHORITIES, CREDENTIALS, HASH, INSTANCE, MANAGED_BY, NAME, RUNTIME, SUPPORT,
    TENANT, TENANT_ID, TENANT_NAME,
};
use crate::reconcile::Where;

/// Where runtimes take webhooks in.
pub const WEBHOOK_PORT: u16 = 8080;
/// Where runtimes say how they are.
pub const HEALTH_PORT: u16 = 8081;

/// Objects by their keys, whole.
pub type Objects = BTreeMap<Key, Value>;

/// One workload with its surroundings.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) tenant_name: &'a TenantName,
    pub(crate) tenant: &'a Tenant,
    pub(crate) workload: &'a Workload,
    /// How many pods it has.
    pub(crate) pods: u32,
}

/// Everything that a plan asks for but Secrets, which are not compared with what is there. It follows
/// one plan after another, in the time of what is different. The objects are made when somebody asks.
#[derive(Debug, Default)]
pub struct Desired {
    tenants: BTreeMap<TenantName, Part>,
}

/// What one tenant is to have.
#[derive(Debug)]
struct Part {
    tenant: Arc<Tenant>,
    /// Of each workload.
    pods: Vec<u32>,
}

impl Desired {
    /// Follows `plan`; `pods` has the flows whose pods may be more or fewer. The namespaces in which
    /// something else may be asked for than before.
    pub fn follow(&mut self, plan: &Plan, pods: &BTreeMap<FlowId, u32>) -> BTreeSet<String> {
        let mut before = std::mem::take(&mut self.tenants);
        let mut changed = BTreeSet::new();
        for (name, tenant) in &plan.tenants {
            let workloads = tenant.workloads.iter();
            let part = Part {
                tenant: Arc::clone(tenant),
                pods: workloads.map(|one| count(one, pods)).collect(),
            };
            let last = before.remove(name);
            let is_same = last
                .as_ref()
                .is_some_and(|last| last.tenant == part.tenant && last.pods == part.pods);
            if !is_same {
                for part in last.iter().chain([&part]) {
                    changed.extend(part.namespaces().map(str::to_owned));
                }
            }
            self.tenants.insert(name.clone(), part);
        }
        for gone in before.values() {
            changed.extend(gone.namespaces().map(str::to_owned));
        }
        changed
    }

    /// The objects in these places.
    pub fn objects(&self, config: &Config, places: &Where) -> Objects {
        let parts = self.tenants.iter();
        let parts = parts.filter(|(_, part)| part.namespaces().any(|one| places.holds(one)));
        parts
            .flat_map(|(name, part)| objects(name, &part.tenant, config, &part.pods))
            .filter(|(key, _)| places.holds(&key.namespace))
            .collect()
    }
}

impl Part {
    /// Where its objects are; some more than once.
    fn namespaces(&self) -> impl Iterator<Item = &str> {
        let limited = self.tenant.compute.iter().flat_map(|it| &it.namespaces);
        let reading = self.tenant.offers.iter().flat_map(|it| &it.namespaces);
        let running = self.tenant.workloads.iter().map(|it| &it.namespace);
        limited.chain(reading).chain(running).map(String::as_str)
    }
}

/// How many pods a workload is to have.
fn count(workload: &Workload, pods: &BTreeMap<FlowId, u32>) -> u32 {
    let flow = workload.flow.as_ref();
    flow.and_then(|flow| pods.get(flow).copied())
        .unwrap_or_else(|| workload.scale.map_or(1, |scale| scale.min))
}

/// What one tenant is to have, each workload with so many pods.
fn objects(name: &TenantName, tenant: &Tenant, config: &Config, pods: &[u32]) -> Objects {
    let mut objects = Objects::new();
    let compute = tenant.compute.iter();
    objects.extend(compute.flat_map(|compute| compute::objects(name, compute)));
    let offers = tenant.offers.iter();
    objects.extend(offers.flat_map(|offers| offers::objects(name, offers)));
    for (workload, pods) in tenant.workloads.iter().zip(pods) {
        let context = Context {
            config,
            tenant_name: name,
            tenant,
            workload,
            pods: *pods,
        };
        context.objects(&mut objects);
    }
    objects
}

/// The credentials of a tenant's roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Of its runtimes.
    pub runtime: String,
    /// Of those who look at its dead letters.
    pub support: String,
}

/// The Secrets of a namespace: what its runtimes read, and what `kubectl vrsky dlq` reads with the
/// rights of whoever calls it.
pub fn secrets(
    name: &TenantName,
    tenant: &Tenant,
    namespace: &str,
    credentials: &Credentials,
    config: &Config,
) -> [(Key, Value); 2] {
    let authorities = config.runtime.ca_certificates.as_deref();
    let secret = |instance: &str, files: &[(&str, Option<&str>)]| {
        let metadata = ObjectMeta {
            name: Some(instance.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels(name, instance)),
            ..ObjectMeta::default()
        };
        let data = files.iter().filter_map(|(file, text)| {
            let bytes = (*text)?.as_bytes().to_vec();
            Some(((*file).to_owned(), ByteString(bytes)))
        });
        let object = Secret {
            metadata,
            type_: Some("Opaque".to_owned()),
            data: Some(data.collect()),
            ..Secret::default()
        };
        sealed(Kind::Secret, &object)
    };
    [
        secret(
            RUNTIME,
            &[
                (CREDENTIALS, Some(&credentials.runtime)),
                (AUTHORITIES, authorities),
            ],
        ),
        secret(
            SUPPORT,
            &[
                (CREDENTIALS, Some(&credentials.support)),
                (ADDRESS, Some(&config.nats.url)),
                (TENANT_NAME, Some(name.as_str())),
                (TENANT_ID, Some(tenant.id.as_str())),
            ],
        ),
    ]
}

impl Context<'_> {
    fn objects(&self, objects: &mut Objects) {
        objects.extend([
            self.service_account(),
            self.network_policy(),
            self.deployment(),
        ]);
        if self.pods > 1 {
            objects.extend([self.disruption_budget()]);
        }
        if self.workload.webhooks {
            objects.extend([self.service()]);
            objects.extend(self.ways_in());
        }
    }

    fn service_account(&self) -> (Key, Value) {
        let mut object = ServiceAccount {
            metadata: self.metadata(),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        };
        // One for all runtimes of the namespace.
        object.metadata.name = Some(RUNTIME.to_owned());
        object.metadata.labels = Some(labels(self.tenant_name, RUNTIME));
        sealed(Kind::ServiceAccount, &object)
    }

    /// Of several pods one at a time leaves a node. One that is not ready takes nothing from the others,
    /// and would else stay, and the node's drain with it.
    fn disruption_budget(&self) -> (Key, Value) {
        let object = PodDisruptionBudget {
            metadata: self.metadata(),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(self.selector()),
                unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
                ..PodDisruptionBudgetSpec::default()
            }),
            ..PodDisruptionBudget::default()
        };
        sealed(Kind::PodDisruptionBudget, &object)
    }

    fn service(&self) -> (Key, Value) {
        let object = Service {
            metadata: self.metadata(),
            spec: Some(ServiceSpec {
                selector: self.selector().match_labels,
                ports: Some(vec![ServicePort {
                    name: Some("http".to_owned()),
                    port: WEBHOOK_PORT.into(),
                    protocol: Some("TCP".to_owned()),
                    target_port: Some(IntOrString::String("webhooks".to_owned())),
                    ..ServicePort::default()
                }]),
                type_: Some("ClusterIP".to_owned()),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        };
        sealed(Kind::Service, &object)
    }

    pub(crate) fn name(&self) -> String {
        names::workload(self.workload)
    }

    pub(crate) fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name()),
            namespace: Some(self.workload.namespace.clone()),
            labels: Some(labels(self.tenant_name, &self.name())),
            ..ObjectMeta::default()
        }
    }

    pub(crate) fn selector(&self) -> LabelSelector {
        let words = [
            (MANAGED_BY.0, MANAGED_BY.1.to_owned()),
            (INSTANCE, self.name()),
        ];
        let labels = words.map(|(name, value)| (name.to_owned(), value));
        LabelSelector {
            match_labels: Some(BTreeMap::from(labels)),
            ..LabelSelector::default()
        }
    }
}

/// The selector of a workload's pods, as `kubectl get pods -l` takes it.
pub(crate) fn selector(instance: &str) -> String {
    let (manager, us) = MANAGED_BY;
    format!("{manager}={us},{INSTANCE}={instance}")
}

pub(crate) fn labels(tenant: &TenantName, instance: &str) -> BTreeMap<String, String> {
    let words = [
        MANAGED_BY,
        NAME,
        (INSTANCE, instance),
        (TENANT, tenant.as_str()),
    ];
    words
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// An object with its kind and its hash, without empty fields.
pub(crate) fn sealed<K: Serialize>(kind: Kind, object: &K) -> (Key, Value) {
    let mut value = json!(object);
    let resource = kind.resource();
    value["apiVersion"] = json!(resource.api_version);
    value["kind"] = json!(resource.kind);
    let digest = Sha256::digest(value.to_string().as_bytes());
    let hash = digest
        .iter()
        .take(8)
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    value["metadata"]["annotations"][HASH] = json!(format!("{hash:016x}"));
    let text = |field: &str| value["metadata"][field].as_str().unwrap_or_default();
    let key = Key::new(kind, text("namespace"), text("name"));
    (key, value)
}
