//! A tenant's account in a cluster: by the Secret `vrsky-support` of the namespace, and through the pod
//! of a runtime, since nobody but pods reaches NATS. It takes `get` on that Secret and `create` on
//! pods/exec, which the role `edit` has.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::arguments::Access;
use crate::cluster::{Cluster, Found, Kind, RUNTIMES, words};
use crate::safe;

const SECRET: &str = "vrsky-support";
/// How long the last words of a relay may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whose dead letters, and how to reach them.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) credentials: String,
    /// On this machine, for one connection.
    pub(super) url: String,
    complaint: JoinHandle<String>,
}

impl Reached {
    /// Why the relay ended, if it said so.
    pub(super) async fn complaint(self) -> String {
        let said = tokio::time::timeout(LAST_WORDS, self.complaint).await;
        said.ok().and_then(Result::ok).unwrap_or_default()
    }
}

/// The account of the namespace's tenant, who must be `wanted` if one is named.
pub(super) async fn reach(access: &Access, wanted: Option<&str>) -> anyhow::Result<Reached> {
    let cluster = Cluster::connect(access).await?;
    let namespace = safe::line(&cluster.namespace);
    let secret = match cluster.get(Kind::Secrets, SECRET).await? {
        Found::There(secret) => serde_json::from_value::<Secret>(secret)?,
        Found::Missing => anyhow::bail!(
            "no flow of VRSky runs in {namespace}: there is no Secret {SECRET}; next: say which namespace with -n"
        ),
        Found::Hidden => anyhow::bail!(
            "you may not read the Secret {SECRET} in {namespace}; the role `edit` may"
        ),
    };
    let data = secret.data.unwrap_or_default();
    let text = |key: &str| {
        let bytes = data.get(key).map(|ByteString(bytes)| bytes.clone());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.with_context(|| format!("the Secret {SECRET} in {namespace} has no {key}"))
    };
    let (tenant, server) = (text("tenant")?, text("nats.url")?);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != tenant) {
        anyhow::bail!(
            "{namespace} belongs to the tenant {}, not to {}; next: say which namespace with -n",
            safe::line(&tenant),
            safe::line(wanted)
        );
    }
    let pod = runtime(&cluster).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let parameters = AttachParams::default().container("runtime").stdin(true);
    let relay = ["/vrsky-runtime", "relay", &server];
    let mut relay = pods.exec(&pod, relay, &parameters).await.map_err(|error| {
        anyhow::anyhow!(
            "cannot reach NATS through pod/{}: {}",
            safe::line(&pod),
            words(&error)
        )
    })?;
    let (mut complaints, input, output) = relay
        .stderr()
        .zip(relay.stdin())
        .zip(relay.stdout())
        .map(|((complaints, input), output)| (complaints, input, output))
        .context("the API server passes no streams on")?;
    let complaint = tokio::spawn(async move {
        let mut said = String::new();
        let _ = complaints.read_to_string(&mut said).await;
        said
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("nats://{}", listener.local_addr()?);
    tokio::spawn(async move {
        // Held until the connection ends: dropped, it would end the relay.
        let _relay = relay;
        if let Ok((mut here, _)) = listener.accept().await {
            let mut there = tokio::io::join(output, input);
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        }
    });
    Ok(Reached {
        id: text("tenant-id")?,
        credentials: text("nats.creds")?,
        tenant,
        url,
        complaint,
    })
}

/// A pod that runs.
async fn runtime(cluster: &Cluster) -> anyhow::Result<String> {
    let namespace = safe::line(&cluster.namespace);
    let pods = match cluster.list(Kind::Pods, RUNTIMES).await? {
        Found::There(pods) => pods,
        Found::Missing => Vec::new(),
        Found::Hidden => anyhow::bail!("you may not list pods in {namespace}"),
    };
    let mut running = pods.iter().filter(|pod| {
        pod["status"]["phase"] == "Running" && pod["metadata"]["deletionTimestamp"].is_null()
    });
    let pod = running.find_map(|pod| pod["metadata"]["name"].as_str());
    pod.map(str::to_owned).with_context(|| {
        format!("no runtime runs in {namespace} to reach NATS through (its flows are at zero, or do not start); next: kubectl vrsky trace")
    })
}
