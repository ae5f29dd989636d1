//! A tenant's account in a cluster: by the Secret `vrsky-support` of the namespace, and through the pod
//! of a runtime, since nobody but pods reaches NATS. It takes `get` on that Secret and `create` on
//! pods/exec, which the role `edit` has.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vrsky_broker::keys::user_name;
use vrsky_plan::TenantId;

use crate::cluster::{Cluster, Found, Kind, RUNTIMES, words};
use crate::safe;

const SECRET: &str = "vrsky-support";
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last words of a relay may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One tenant's account, as its support sees it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) tenant: String,
    pub(super) id: TenantId,
    pub(super) client: Client,
}

/// What the Secret of a namespace says: whose it is, and how to get in.
#[derive(Debug)]
pub(super) struct Support {
    pub(super) tenant: String,
    id: TenantId,
    credentials: String,
    server: String,
}

/// The account of the tenant whose namespace it is, who must be `wanted` if one is named.
pub(super) async fn in_cluster(cluster: &Cluster, wanted: Option<&str>) -> anyhow::Result<Account> {
    let namespace = safe::line(&cluster.namespace);
    let support = match secret(cluster).await? {
        Found::There(support) => support,
        Found::Missing => anyhow::bail!(
            "no flow of VRSky runs in {namespace}: there is no Secret {SECRET}; next: say which namespace with -n"
        ),
        Found::Hidden => anyhow::bail!(
            "you may not read the Secret {SECRET} in {namespace}; the role `edit` may"
        ),
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != support.tenant) {
        anyhow::bail!(
            "{namespace} belongs to the tenant {}, not to {}; next: say which namespace with -n",
            safe::line(&support.tenant),
            safe::line(wanted)
        );
    }
    open(cluster, support).await
}

/// The Secret of a namespace.
pub(super) async fn secret(cluster: &Cluster) -> anyhow::Result<Found<Support>> {
    let namespace = safe::line(&cluster.namespace);
    let secret = match cluster.get(Kind::Secrets, SECRET).await? {
        Found::There(secret) => serde_json::from_value::<Secret>(secret)?,
        Found::Missing => return Ok(Found::Missing),
        Found::Hidden => return Ok(Found::Hidden),
    };
    let data = secret.data.unwrap_or_default();
    let text = |key: &str| {
        let bytes = data.get(key).map(|ByteString(bytes)| bytes.clone());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.with_context(|| format!("the Secret {SECRET} in {namespace} has no {key}"))
    };
    Ok(Found::There(Support {
        tenant: text("tenant")?,
        id: TenantId::new(text("tenant-id")?)?,
        credentials: text("nats.creds")?,
        server: text("nats.url")?,
    }))
}

/// The account itself, through a pod of the namespace.
pub(super) async fn open(cluster: &Cluster, support: Support) -> anyhow::Result<Account> {
    let relay = Relay::start(cluster, &support.server).await?;
    let (tenant, id) = (support.tenant, support.id);
    let credentials = ConnectOptions::with_credentials(&support.credentials)
        .context("the credentials cannot be read")?
        .ignore_discovered_servers();
    match connect(&relay.url, &id, credentials).await {
        Ok(client) => Ok(Account { tenant, id, client }),
        Err(error) => {
            let complaint = relay.complaint().await;
            let error = error.context(format!(
                "cannot connect to NATS as support of {}",
                safe::line(&tenant)
            ));
            Err(if complaint.is_empty() {
                error
            } else {
                anyhow::anyhow!("{}: {}", error, safe::line(complaint.trim()))
            })
        }
    }
}

/// A connection in the role `support`.
pub(super) async fn connect(
    url: &str,
    id: &TenantId,
    credentials: ConnectOptions,
) -> anyhow::Result<Client> {
    let connecting = credentials
        .name("vrsky-support")
        .custom_inbox_prefix(format!("_INBOX_{}", user_name(id, "support")))
        .request_timeout(Some(PATIENCE))
        .connection_timeout(PATIENCE)
        .connect(url);
    let client = tokio::time::timeout(PATIENCE, connecting);
    Ok(client.await.context("no answer in time")??)
}

/// A way to NATS, through the pod of a runtime.
#[derive(Debug)]
struct Relay {
    /// On this machine, for one connection.
    url: String,
    complaint: JoinHandle<String>,
}

impl Relay {
    async fn start(cluster: &Cluster, server: &str) -> anyhow::Result<Self> {
        let pod = runtime(cluster).await?;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let parameters = AttachParams::default().container("runtime").stdin(true);
        let relay = ["/vrsky-runtime", "relay", server];
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
        Ok(Self { url, complaint })
    }

    /// Why it ended, if it said so.
    async fn complaint(self) -> String {
        let said = tokio::time::timeout(LAST_WORDS, self.complaint).await;
        said.ok().and_then(Result::ok).unwrap_or_default()
    }
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
