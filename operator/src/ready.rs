//! After the product was installed: does it work?

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};

use crate::apply::words;
use crate::kinds::Kind;

/// Where the chart lets the operator serve `/readyz`.
const PORT: u16 = 8081;
/// A new operator leads at once, or after the lease of one that died; so long it may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between looks.
const AGAIN: Duration = Duration::from_secs(1);
/// The operator's pods.
const OPERATORS: &str = "app.kubernetes.io/name=vrsky-operator";

/// Why the product does not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other chart.
    #[error("the API server does not know {0}: install the chart vrsky-crds")]
    Kinds(String),
    /// No pod.
    #[error("no pod of the operator is in {0}: kubectl -n {0} describe deployment/vrsky-operator")]
    NoOperator(String),
    /// It waits for something.
    #[error("{pod} is not ready: {said}")]
    Waits {
        /// The pod.
        pod: String,
        /// What it waits for, or why it does not answer.
        said: String,
    },
    /// None of several does anything.
    #[error("every operator stands by, and none leads: kubectl get leases -A")]
    NoLeader,
    /// The API server.
    #[error("the API server: {}", words(.0))]
    Api(Box<kube::Error>),
}

/// Whether the kinds are known, and the operators of a namespace ready, one of them leading. After an
/// upgrade that takes a moment, for which it waits.
pub async fn check(client: &Client, namespace: &str) -> Result<(), Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match look(client, namespace).await {
            Err(Error::NoLeader | Error::Waits { .. }) if Instant::now() < end => {
                sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

async fn look(client: &Client, namespace: &str) -> Result<(), Error> {
    kinds(client).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = pods.list(&ListParams::default().labels(OPERATORS)).await;
    let list = list.map_err(|error| Error::Api(Box::new(error)))?;
    let mut is_led = false;
    for pod in &list.items {
        let pod = pod.name_any();
        let said = readiness(client, namespace, &pod).await;
        let said = said.map_err(|said| Error::Waits {
            pod: pod.clone(),
            said,
        })?;
        tracing::info!(event = "ready", pod, said);
        is_led |= said.contains("leading");
    }
    match (is_led, list.items.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(Error::NoOperator(namespace.to_owned())),
        (false, false) => Err(Error::NoLeader),
    }
}

async fn kinds(client: &Client) -> Result<(), Error> {
    let served = match client
        .list_api_group_resources(vrsky_crds::API_VERSION)
        .await
    {
        Ok(list) => list.resources,
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(Error::Api(Box::new(error))),
    };
    let missing: Vec<&str> = Kind::OURS
        .into_iter()
        .map(Kind::name)
        .filter(|name| !served.iter().any(|one| one.kind == *name))
        .collect();
    if missing.is_empty() {
        tracing::info!(event = "kinds", version = vrsky_crds::API_VERSION);
        return Ok(());
    }
    Err(Error::Kinds(missing.join(", ")))
}

/// What `/readyz` says, by way of the API server: policies of the network let it through.
async fn readiness(client: &Client, namespace: &str, pod: &str) -> Result<String, String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{PORT}/proxy/readyz");
    let request = http::Request::get(path).body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    let said = client.request_text(request).await;
    let said = said.map_err(|error| words(&error))?;
    Ok(said.trim().replace('\n', ", "))
}
