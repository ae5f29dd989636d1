//! Words that the operator writes into the cluster, and reads back.

/// The manager of the fields that the operator applies.
pub const MANAGER: &str = "vrsky-operator";
/// Keeps a Tenant, Flow or Grant until what it has in NATS is gone.
pub const FINALIZER: &str = "vrsky.io/finalizer";
/// Annotation: `disabled` pauses reconciliation of one object; what runs goes on.
pub const RECONCILE: &str = "vrsky.io/reconcile";
/// Annotation on a Tenant: `namespace=uid`, comma-separated. Binds a namespace that was deleted and
/// made again; without it, the new one is a stranger.
pub const REBIND: &str = "vrsky.io/rebind";
/// Label of everything that the operator makes in tenants' namespaces.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "vrsky");
/// Label of runtimes and what belongs to them.
pub const NAME: (&str, &str) = ("app.kubernetes.io/name", "vrsky-runtime");
/// Label: the workload.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label: the tenant's name.
pub const TENANT: &str = "vrsky.io/tenant";
/// Labels by which Flux says which Kustomization applied an object: by name, in its namespace.
pub const APPLIED_BY: [&str; 2] = [
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
];
/// Annotation: the hash of what was applied.
pub const HASH: &str = "vrsky.io/hash";

/// Name of the Deployment that all flows of a namespace share, and of the ServiceAccount and Secret
/// of all runtimes in a namespace.
pub const RUNTIME: &str = "vrsky-runtime";
/// The Secret's key: the credentials file.
pub const CREDENTIALS: &str = "nats.creds";
/// The Secret's key: certificate authorities, beside those of the image.
pub const AUTHORITIES: &str = "ca.crt";

/// In the operator's own namespace: the Secret of all keys.
pub const KEYS: &str = "vrsky-keys";
/// The Secret's key.
pub const KEYS_FILE: &str = "keys.json";
/// In the operator's own namespace: which namespace, by UID, is whose.
pub const INVENTORY: &str = "vrsky-inventory";
/// In the latter: what Tenants and Grants said.
pub const SOUND: &str = "sound.json.deflate";
/// In the operator's own namespace: the configuration of servers.
pub const SERVER: &str = "vrsky-nats-server";
/// The ConfigMap's key: whom a server trusts, to be included by one that somebody else configures.
pub const TRUST_FILE: &str = "accounts.conf";
/// The ConfigMap's key: all that the evaluation server needs.
pub const SERVER_FILE: &str = "nats.conf";
/// In the operator's own namespace: who leads.
pub const LEASE: &str = "vrsky-operator";

/// Name of the Secret by which people who may read it look at dead letters (`kubectl vrsky dlq`).
pub const SUPPORT: &str = "vrsky-support";
/// That Secret's key: where NATS is, as pods see it.
pub const ADDRESS: &str = "nats.url";
/// That Secret's key: the tenant's name.
pub const TENANT_NAME: &str = "tenant";
/// That Secret's key: the tenant's id in NATS.
pub const TENANT_ID: &str = "tenant-id";

/// The ConfigMap that says what other tenants let a tenant read.
pub const OFFERS: &str = "vrsky-grants";

/// The Tenant's ResourceQuota and LimitRange in each of its namespaces.
pub const COMPUTE: &str = "vrsky-tenant";

/// Whether this value of [`RECONCILE`] pauses.
pub fn pauses(reconcile: Option<&str>) -> bool {
    reconcile == Some("disabled")
}

/// The name of the Ingress, or HTTPRoute, of a flow's webhook.
pub fn way_in(flow: &vrsky_plan::FlowId) -> String {
    format!("vrsky-flow-{}", flow.name())
}

/// The name of a workload: its Deployment, Service and so on.
pub fn workload(workload: &vrsky_plan::Workload) -> String {
    workload.flow.as_ref().map_or_else(
        || RUNTIME.to_owned(),
        |flow| format!("vrsky-flow-{}", flow.name()),
    )
}
