//! A cluster with the product, people in it, and what they write.

use serde_json::{Value, json};
use vrsky_e2e::cluster::{Api, Kubectl};
use vrsky_e2e::{eventually, program};

use crate::{apply, try_apply};

/// A cluster with the product installed as `deploy/vrsky.yaml` does it, and a namespace.
pub(crate) struct Installed {
    pub(crate) api: Api,
    /// Administers the namespace `acme`.
    pub(crate) tenant: Kubectl,
    /// Edits there.
    pub(crate) editor: Kubectl,
    /// May write Tenants.
    pub(crate) platform: Kubectl,
    /// The operator's service account.
    pub(crate) operator: Kubectl,
}

impl Installed {
    pub(crate) fn new() -> Self {
        let api = Api::with_controllers().unwrap();
        let kubectl = api.kubectl();
        let manifests = program::repository().join("deploy/vrsky.yaml");
        kubectl.apply_files(&manifests).unwrap();
        kubectl.run(&["create", "namespace", "acme"]).unwrap();
        let platform = ["--clusterrole=vrsky-platform", "--user=paula"];
        let bind = [&["create", "clusterrolebinding", "paula"], &platform[..]].concat();
        kubectl.run(&bind).unwrap();
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:vrsky-system",
        ];
        let operator = "system:serviceaccount:vrsky-system:vrsky-operator";
        let installed = Self {
            tenant: kubectl.as_person("tessa", "admin", "acme").unwrap(),
            editor: kubectl.as_person("edith", "edit", "acme").unwrap(),
            platform: kubectl.as_user("paula", &[]).unwrap(),
            operator: kubectl.as_user(operator, &groups).unwrap(),
            api,
        };
        installed.settle();
        installed
    }

    /// Waits until aggregated roles and all policies are in force.
    fn settle(&self) {
        let admin = self.api.kubectl();
        eventually("roles aggregate", || {
            let may = |user: &Kubectl, what| {
                user.run(&["auth", "can-i", "create", what, "-n", "acme"])
                    .is_ok()
            };
            may(&self.editor, "flows.vrsky.io") && may(&self.tenant, "grants.vrsky.io")
        });
        let dry =
            |kubectl: &Kubectl, object: Value| apply(kubectl, &[object], &["--dry-run=server"]);
        let is_denied = |result: Result<String, String>| {
            result.is_err_and(|error| error.contains("ValidatingAdmissionPolicy"))
        };
        eventually("the labels' policy is in force", || {
            is_denied(dry(
                admin,
                config_like("Secret", "forged", &[("vrsky.io/tenant", "acme")]),
            ))
        });
        eventually("the Tenants' policy is in force", || {
            is_denied(dry(admin, tenant(&["kube-system"])))
        });
        eventually("the operator's policy is in force", || {
            is_denied(dry(
                &self.operator,
                config_like("ServiceAccount", "vrsky-runtime", &[]),
            ))
        });
        // Each is read by the API server at its own time: the last two are tried on real objects.
        try_apply(admin, &flow("probe")).unwrap();
        let mut kept = flow("probe");
        kept["metadata"]["finalizers"] = json!(["vrsky.io/finalizer"]);
        eventually("the policy on specs is in force", || {
            let mut changed = flow("probe");
            changed["spec"]["suspend"] = json!(true);
            is_denied(dry(&self.operator, changed))
        });
        try_apply(admin, &kept).unwrap();
        eventually("the finalizers' policy is in force", || {
            let patch = json!({"metadata": {"finalizers": null}}).to_string();
            let arguments = [
                "patch",
                "flow",
                "probe",
                "-n",
                "acme",
                "--type=merge",
                "--dry-run=server",
                "-p",
                &patch,
            ];
            let result = self
                .tenant
                .run(&arguments)
                .map_err(|error| error.to_string());
            is_denied(result)
        });
    }
}

pub(crate) fn metadata(kind: &str, name: &str, metadata: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "acme"},
    });
    for (field, value) in metadata.as_object().unwrap() {
        object["metadata"][field] = value.clone();
    }
    object
}

pub(crate) fn flow(name: &str) -> Value {
    let mut flow = metadata("Flow", name, &json!({}));
    flow["spec"] = json!({
        "source": {"connector": "generate", "with": {"every": "1s"}},
        "sinks": {"all": {"connector": "log"}},
    });
    flow
}

pub(crate) fn tenant(namespaces: &[&str]) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "acme"},
        "spec": {"namespaces": namespaces},
    })
}

pub(crate) fn labels(list: &[(&str, &str)]) -> Value {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// An object of the core group that has no `spec`.
pub(crate) fn config_like(kind: &str, name: &str, list: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "acme", "labels": labels(list)},
    })
}

pub(crate) const OURS: (&str, &str) = ("app.kubernetes.io/managed-by", "vrsky");

/// What the operator makes, as far as policies look at it.
pub(crate) fn runtime(name: &str) -> Value {
    let mine = labels(&[
        OURS,
        ("app.kubernetes.io/name", "vrsky-runtime"),
        ("vrsky.io/tenant", "acme"),
    ]);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "acme", "labels": mine},
        "spec": {
            "selector": {"matchLabels": labels(&[OURS])},
            "template": {
                "metadata": {"labels": mine},
                "spec": {
                    "serviceAccountName": "vrsky-runtime",
                    "automountServiceAccountToken": false,
                    "containers": [{"name": "runtime", "image": "runtime"}],
                    "volumes": [
                        {"name": "nats", "secret": {"secretName": "vrsky-runtime"}},
                        {"name": "secrets", "projected": {"sources": []}},
                        {"name": "data", "emptyDir": {}},
                    ],
                },
            },
        },
    })
}

pub(crate) fn changed(mut object: Value, pointer: &str, field: &str, value: Value) -> Value {
    object.pointer_mut(pointer).unwrap()[field] = value;
    object
}
