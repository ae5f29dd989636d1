//! The kinds that are watched.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, LimitRange, Namespace, Pod, ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use kube::core::{ApiResource, GroupVersionKind};
use vrsky_crds::{Connector, Flow, Grant, Tenant, Topic};

/// A kind that the operator reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Written by platform admins.
    Tenant,
    /// Written by tenants.
    Topic,
    /// Written by tenants.
    Connector,
    /// Written by tenants.
    Grant,
    /// Written by tenants.
    Flow,
    /// Bound to tenants.
    Namespace,
    /// Runtimes, as they are.
    Pod,
    /// Made by the operator, where the Tenant asks for it.
    ResourceQuota,
    /// Made by the operator, where the Tenant asks for it.
    LimitRange,
    /// Made by the operator, and watched by its one name: others are none of its business.
    ConfigMap,
    /// Made by the operator.
    ServiceAccount,
    /// Made by the operator, never watched: who may list Secrets can read those of others.
    Secret,
    /// Made by the operator.
    NetworkPolicy,
    /// Made by the operator.
    Deployment,
    /// Made by the operator.
    PodDisruptionBudget,
    /// Made by the operator.
    Service,
    /// Made by the operator, where the platform asks for it.
    Ingress,
    /// Made by the operator, where the platform asks for it; watched where the API server knows it.
    HttpRoute,
}

/// Group and version of the Gateway API, which a cluster has or has not.
pub const GATEWAY: (&str, &str) = ("gateway.networking.k8s.io", "v1");

impl Kind {
    /// All that are always watched.
    pub const ALL: [Self; 16] = [
        Self::Tenant,
        Self::Topic,
        Self::Connector,
        Self::Grant,
        Self::Flow,
        Self::Namespace,
        Self::Pod,
        Self::ResourceQuota,
        Self::LimitRange,
        Self::ConfigMap,
        Self::ServiceAccount,
        Self::NetworkPolicy,
        Self::Deployment,
        Self::PodDisruptionBudget,
        Self::Service,
        Self::Ingress,
    ];
    /// VRSky's own.
    pub const OURS: [Self; 5] = [
        Self::Tenant,
        Self::Topic,
        Self::Connector,
        Self::Grant,
        Self::Flow,
    ];
    /// Those of VRSky's own that have something in NATS, and stay until it is gone.
    pub const KEPT: [Self; 3] = [Self::Tenant, Self::Grant, Self::Flow];
    /// What the operator makes in tenants' namespaces, in the order in which it is made: what opens
    /// traffic comes last.
    pub const MADE: [Self; 11] = [
        Self::ResourceQuota,
        Self::LimitRange,
        Self::ConfigMap,
        Self::ServiceAccount,
        Self::Secret,
        Self::NetworkPolicy,
        Self::Deployment,
        Self::PodDisruptionBudget,
        Self::Service,
        Self::Ingress,
        Self::HttpRoute,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Topic => "Topic",
            Self::Connector => "Connector",
            Self::Grant => "Grant",
            Self::Flow => "Flow",
            Self::Namespace => "Namespace",
            Self::Pod => "Pod",
            Self::ResourceQuota => "ResourceQuota",
            Self::LimitRange => "LimitRange",
            Self::ConfigMap => "ConfigMap",
            Self::ServiceAccount => "ServiceAccount",
            Self::Secret => "Secret",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Deployment => "Deployment",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
        }
    }

    /// Whether it is one of VRSky's.
    pub fn is_ours(self) -> bool {
        Self::OURS.contains(&self)
    }

    /// Whether the operator makes it.
    pub fn is_made(self) -> bool {
        Self::MADE.contains(&self)
    }

    /// Where the API server has it.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Tenant => ApiResource::erase::<Tenant>(&()),
            Self::Topic => ApiResource::erase::<Topic>(&()),
            Self::Connector => ApiResource::erase::<Connector>(&()),
            Self::Grant => ApiResource::erase::<Grant>(&()),
            Self::Flow => ApiResource::erase::<Flow>(&()),
            Self::Namespace => erase::<Namespace>(),
            Self::Pod => erase::<Pod>(),
            Self::ResourceQuota => erase::<ResourceQuota>(),
            Self::LimitRange => erase::<LimitRange>(),
            Self::ConfigMap => erase::<ConfigMap>(),
            Self::ServiceAccount => erase::<ServiceAccount>(),
            Self::Secret => erase::<Secret>(),
            Self::NetworkPolicy => erase::<NetworkPolicy>(),
            Self::Deployment => erase::<Deployment>(),
            Self::PodDisruptionBudget => erase::<PodDisruptionBudget>(),
            Self::Service => erase::<Service>(),
            Self::Ingress => erase::<Ingress>(),
            Self::HttpRoute => {
                let (group, version) = GATEWAY;
                let kind = GroupVersionKind::gvk(group, version, self.name());
                ApiResource::from_gvk_with_plural(&kind, "httproutes")
            }
        }
    }
}

fn erase<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}
