//! Argo CD's application controller and repo-server with their Redis.

use serde_json::json;
use tokio::process::Command;
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::cluster::programs::ARGOCD;
use vrsky_e2e::gitops::Controllers;
use vrsky_e2e::process::free_port;
use vrsky_e2e::program;

/// Where Argo CD looks for its objects.
pub(crate) const NAMESPACE: &str = "argocd";
const KINDS: [&str; 2] = ["application-crd.yaml", "appproject-crd.yaml"];

/// Installs the kinds, writes the settings that `docs/gitops.md` names, and starts it; it is ready when
/// this returns.
pub(crate) async fn start(kubectl: &Kubectl) -> anyhow::Result<Controllers> {
    let manifests = ARGOCD.source("github.com/argoproj/argo-cd/v3")?;
    let kinds = KINDS.map(|kind| manifests.join("manifests/crds").join(kind));
    let mut argocd = Controllers::of(kubectl, kinds.to_vec())?;
    settings(kubectl)?;
    let redis = free_port()?;
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &redis.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", ""]);
    argocd.start("redis", command)?;
    let redis = format!("--redis=127.0.0.1:{redis}");
    let repositories = free_port()?;
    let serve = [
        redis.clone(),
        format!("--port={repositories}"),
        "--address=127.0.0.1".to_owned(),
        "--metrics-address=127.0.0.1".to_owned(),
        "--disable-tls".to_owned(),
    ];
    part(&mut argocd, "argocd-repo-server", &serve).await?;
    let control = [
        redis,
        format!("--namespace={NAMESPACE}"),
        format!("--repo-server=127.0.0.1:{repositories}"),
        "--repo-server-plaintext".to_owned(),
        // What a person sees in its dashboard is read from the Application.
        "--persist-resource-health".to_owned(),
    ];
    part(&mut argocd, "argocd-application-controller", &control).await?;
    Ok(argocd)
}

/// The settings of `docs/gitops.md`.
fn settings(kubectl: &Kubectl) -> anyhow::Result<()> {
    let health = std::fs::read_to_string(program::repository().join("charts/argocd/health.lua"))?;
    let customizations = json!({"vrsky.io/*": {"health.lua": health}});
    let metadata = |name: &str| {
        let labels = json!({"app.kubernetes.io/part-of": "argocd"});
        json!({"name": name, "namespace": NAMESPACE, "labels": labels})
    };
    let objects = [
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"vrsky.io/story": "true"}},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata("argocd-cm"),
            "data": {
                "application.sync.impersonation.enabled": "true",
                "resource.customizations": customizations.to_string(),
            },
        }),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("argocd-secret")}),
    ];
    for object in objects {
        kubectl.apply(&object.to_string())?;
    }
    Ok(())
}

/// Starts one of the programs that Argo CD's is.
async fn part(argocd: &mut Controllers, name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let health = free_port()?;
    let mut command = Command::new(ARGOCD.program("argocd")?);
    command
        .args(arguments)
        .arg(format!("--metrics-port={health}"))
        .env("ARGOCD_BINARY_NAME", name)
        // The cluster of the kubeconfig is the one that it would run in.
        .env("ARGOCD_FAKE_IN_CLUSTER", "true")
        .env("ARGOCD_CONTROLLER_SHARD", "0")
        .env("ARGOCD_GPG_ENABLED", "false");
    for (variable, place) in [
        ("ARGOCD_TLS_DATA_PATH", "tls"),
        ("ARGOCD_SSH_DATA_PATH", "ssh"),
        ("ARGOCD_PLUGINSOCKFILEPATH", "plugins"),
        ("TMPDIR", "tmp"),
    ] {
        let place = argocd.folder().join(place);
        std::fs::create_dir_all(&place)?;
        command.env(variable, place);
    }
    argocd.start(name, command)?;
    argocd
        .ready(&format!("http://127.0.0.1:{health}/healthz"))
        .await
}
