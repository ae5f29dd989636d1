//! Flux's source-controller and kustomize-controller.

use tokio::process::Command;
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::cluster::programs::FLUX;
use vrsky_e2e::gitops::Controllers;
use vrsky_e2e::process::free_port;

const MODULES: [&str; 2] = [
    "github.com/fluxcd/source-controller",
    "github.com/fluxcd/kustomize-controller",
];

/// Installs the kinds and starts both, which are ready when it returns.
pub(crate) async fn start(kubectl: &Kubectl) -> anyhow::Result<Controllers> {
    let kinds = MODULES.map(|module| Ok(FLUX.source(module)?.join("config/crd/bases")));
    let kinds: anyhow::Result<_> = kinds.into_iter().collect();
    let mut flux = Controllers::of(kubectl, kinds?)?;
    let storage = format!("127.0.0.1:{}", free_port()?);
    let data = flux.folder().join("artifacts");
    std::fs::create_dir(&data)?;
    let keeps = [
        format!("--storage-path={}", data.display()),
        format!("--storage-addr={storage}"),
        format!("--storage-adv-addr={storage}"),
    ];
    controller(&mut flux, "source-controller", &keeps).await?;
    controller(&mut flux, "kustomize-controller", &[]).await?;
    Ok(flux)
}

async fn controller(
    flux: &mut Controllers,
    name: &str,
    arguments: &[String],
) -> anyhow::Result<()> {
    let health = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(FLUX.program(name)?);
    command
        .args(arguments)
        .arg(format!("--health-addr={health}"))
        .args(["--metrics-addr=0", "--events-addr="])
        .args(["--enable-leader-election=false"])
        .env("RUNTIME_NAMESPACE", "flux-system");
    flux.start(name, command)?;
    flux.ready(&format!("http://{health}/readyz")).await
}
