//! The kinds that the model knows.

/// What there is to know of a kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub(crate) struct Resource {
    /// `v1`, `vrsky.io/v1alpha1`.
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
    /// Its objects count the changes of what is asked for.
    pub(crate) counts: bool,
    /// Defined by a CRD of ours.
    pub(crate) custom: bool,
}

const fn ours(kind: &'static str, plural: &'static str, namespaced: bool) -> Resource {
    let version = "vrsky.io/v1alpha1";
    Resource {
        version,
        kind,
        plural,
        namespaced,
        counts: true,
        custom: true,
    }
}

const fn known(version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    let custom = false;
    Resource {
        version,
        kind,
        plural,
        namespaced: true,
        counts: false,
        custom,
    }
}

const fn counting(version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    let known = known(version, kind, plural);
    Resource {
        counts: true,
        ..known
    }
}

const ALL: [Resource; 19] = [
    ours("Tenant", "tenants", false),
    ours("Topic", "topics", true),
    ours("Connector", "connectors", true),
    ours("Grant", "grants", true),
    ours("Flow", "flows", true),
    Resource {
        namespaced: false,
        ..known("v1", "Namespace", "namespaces")
    },
    known("v1", "Pod", "pods"),
    known("v1", "ServiceAccount", "serviceaccounts"),
    known("v1", "Secret", "secrets"),
    known("v1", "ConfigMap", "configmaps"),
    known("v1", "Service", "services"),
    known("v1", "ResourceQuota", "resourcequotas"),
    known("v1", "LimitRange", "limitranges"),
    counting("networking.k8s.io/v1", "Ingress", "ingresses"),
    known("events.k8s.io/v1", "Event", "events"),
    known("coordination.k8s.io/v1", "Lease", "leases"),
    counting("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    counting("apps/v1", "Deployment", "deployments"),
    counting("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
];

/// The resource with this version and plural.
pub(crate) fn find(version: &str, plural: &str) -> Option<&'static Resource> {
    static KNOWN: [Resource; 19] = ALL;
    KNOWN
        .iter()
        .find(|it| it.version == version && it.plural == plural)
}
