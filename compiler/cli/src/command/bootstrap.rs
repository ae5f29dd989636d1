//! `vrsky tenant bootstrap`: what synchronises a tenant's repository, with least rights.

use serde_json::{Value, json};
use vrsky_plan::TenantName;

use crate::arguments;
use crate::output::{Exit, Screen};
use crate::safe;

/// Flux's and Argo CD's name for what they synchronise.
const SYNC: &str = "flows";
/// Where Argo CD is installed, and looks for its objects.
const ARGOCD: &str = "argocd";

pub(super) fn run(arguments: &arguments::Bootstrap, screen: Screen) -> anyhow::Result<Exit> {
    let name = TenantName::new(&arguments.name)?;
    let url = &arguments.repository;
    anyhow::ensure!(
        url.contains("://") && !url.contains('@') && !url.contains(char::is_whitespace),
        "--repository {}: a URL such as https://git.example/acme.git, without credentials; those go \
         into a Secret of Flux or Argo CD",
        safe::line(url)
    );
    let objects = objects(arguments, name.as_str());
    if screen.is_document() {
        screen.document(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
        return Ok(Exit::Fine);
    }
    // JSON would do, but a person commits this.
    let documents: Result<Vec<String>, _> = objects.iter().map(serde_saphyr::to_string).collect();
    screen.say(documents?.join("---\n").trim_end());
    Ok(Exit::Fine)
}

fn objects(arguments: &arguments::Bootstrap, name: &str) -> Vec<Value> {
    let robot = if arguments.flux { "flux" } else { "argocd" };
    let role = if arguments.grants { "admin" } else { "edit" };
    let mut all = vec![
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }),
        json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {"namespaces": [name]},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": robot, "namespace": name},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": robot, "namespace": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": robot, "namespace": name}],
        }),
    ];
    if arguments.flux {
        all.extend(flux(arguments, name, robot));
    } else {
        all.extend(argocd(arguments, name, robot));
    }
    all
}

fn flux(arguments: &arguments::Bootstrap, name: &str, robot: &str) -> [Value; 2] {
    let metadata = json!({"name": SYNC, "namespace": name});
    [
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": {
                "interval": "1m",
                "url": arguments.repository,
                "ref": {"branch": arguments.branch},
            },
        }),
        json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": metadata,
            "spec": {
                "interval": "10m",
                "retryInterval": "1m",
                "timeout": "2m",
                "wait": true,
                "prune": true,
                "serviceAccountName": robot,
                "targetNamespace": name,
                "path": arguments.path,
                "sourceRef": {"kind": "GitRepository", "name": SYNC},
            },
        }),
    ]
}

/// The project admits one repository, one namespace and our kinds; it acts as the ServiceAccount
/// (Argo CD 2.13 and newer, with `application.sync.impersonation.enabled: "true"` in `argocd-cm`).
fn argocd(arguments: &arguments::Bootstrap, name: &str, robot: &str) -> [Value; 2] {
    let mut kinds = vec!["Connector", "Flow", "Topic"];
    if arguments.grants {
        kinds.push("Grant");
    }
    let kinds: Vec<Value> = kinds
        .into_iter()
        .map(|kind| json!({"group": "vrsky.io", "kind": kind}))
        .collect();
    let server = "https://kubernetes.default.svc";
    let metadata = json!({"name": name, "namespace": ARGOCD});
    [
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": metadata,
            "spec": {
                "sourceRepos": [arguments.repository],
                "destinations": [{"server": server, "namespace": name}],
                "destinationServiceAccounts": [{
                    "server": server,
                    "namespace": name,
                    "defaultServiceAccount": robot,
                }],
                "clusterResourceWhitelist": [],
                "namespaceResourceWhitelist": kinds,
            },
        }),
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": metadata,
            "spec": {
                "project": name,
                "source": {
                    "repoURL": arguments.repository,
                    "targetRevision": arguments.branch,
                    "path": arguments.path,
                },
                "destination": {"server": server, "namespace": name},
                "syncPolicy": {
                    "automated": {"prune": true, "selfHeal": true},
                    // Without `refresh` a commit that cannot be applied is tried again for minutes, and
                    // the one that mends it waits for that.
                    "retry": {
                        "limit": 5,
                        "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"},
                        "refresh": true,
                    },
                },
            },
        }),
    ]
}
