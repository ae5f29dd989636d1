//! What a plan asks for in tenants' namespaces, as Kubernetes has it.
//!
//! Typed builders only: what no builder sets cannot get into a tenant's namespace.

mod deployment;
mod ingress;
mod network_policy;

use std::collections::{BTreeMap, BTreeSet};

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
    self, AUTHORITIES, CREDENTIALS, HASH, INSTANCE, MANAGED_BY, NAME, RUNTIME, TENANT,
};

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
    /// Whether it has no pod.
    pub(crate) at_zero: bool,
}

/// Everything that the plan asks for but Secrets, which are not compared with what is there. Flows
/// that are at zero have no pod.
pub fn desired(plan: &Plan, config: &Config, at_zero: &BTreeSet<FlowId>) -> Objects {
    let mut objects = Objects::new();
    for (tenant_name, tenant) in &plan.tenants {
        for workload in &tenant.workloads {
            let context = Context {
                config,
                tenant_name,
                tenant,
                workload,
                at_zero: workload
                    .flow
                    .as_ref()
                    .is_some_and(|flow| at_zero.contains(flow)),
            };
            context.objects(&mut objects);
        }
    }
    objects
}

/// What a tenant's runtimes in one namespace read: credentials, and whom to trust.
pub fn secret(
    tenant: &TenantName,
    namespace: &str,
    credentials: &str,
    authorities: Option<&str>,
) -> (Key, Value) {
    let metadata = ObjectMeta {
        name: Some(RUNTIME.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels(tenant, RUNTIME)),
        ..ObjectMeta::default()
    };
    let files = [(CREDENTIALS, Some(credentials)), (AUTHORITIES, authorities)];
    let data = files.into_iter().filter_map(|(name, text)| {
        let bytes = text?.as_bytes().to_vec();
        Some((name.to_owned(), ByteString(bytes)))
    });
    let object = Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some(data.collect()),
        ..Secret::default()
    };
    sealed(Kind::Secret, &object)
}

impl Context<'_> {
    fn objects(&self, objects: &mut Objects) {
        objects.extend([
            self.service_account(),
            self.network_policy(),
            self.deployment(),
            self.disruption_budget(),
        ]);
        if self.workload.webhooks {
            objects.extend([self.service()]);
            objects.extend(self.ingresses());
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

    fn disruption_budget(&self) -> (Key, Value) {
        let object = PodDisruptionBudget {
            metadata: self.metadata(),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(self.selector()),
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
    let text = |field: &str| {
        value["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let key = Key {
        kind,
        namespace: text("namespace"),
        name: text("name"),
    };
    (key, value)
}
