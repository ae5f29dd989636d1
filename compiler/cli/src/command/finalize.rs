//! `vrsky finalize --force`: lets go of an object whose operator is gone.

use anyhow::Context as _;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::arguments;
use crate::cluster::{Cluster, Found, Kind, block_on, words};
use crate::output::{Exit, GOOD, Screen, WARN};
use crate::safe;

/// What keeps an object until its operator has let go of it.
const FINALIZER: &str = "vrsky.io/finalizer";

pub(super) fn run(arguments: &arguments::Finalize, screen: Screen) -> anyhow::Result<Exit> {
    block_on(async {
        let cluster = Cluster::connect(&arguments.access).await?;
        finalize(&cluster, arguments, screen).await
    })
}

async fn finalize(
    cluster: &Cluster,
    arguments: &arguments::Finalize,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let object = &arguments.object;
    let (kind, name, left) = parse(object)?;
    let namespace = (kind != "tenants").then_some(cluster.namespace.as_str());
    let what = || safe::line(object);
    let system = &arguments.access.system;
    let lease = cluster.get_in(Kind::Leases, Some(system), "vrsky-operator");
    if let Found::There(lease) = lease.await?
        && holds(&lease, Timestamp::now())
    {
        anyhow::bail!(
            "an operator runs in {}; it lets go of {} by itself, {}",
            safe::line(system),
            what(),
            "after five minutes at the latest; its status says what it waits for"
        );
    }
    let seen = match cluster.get_in(Kind::Ours(kind), namespace, name).await? {
        Found::There(seen) => seen,
        Found::Missing => anyhow::bail!("there is no {}", what()),
        Found::Hidden => anyhow::bail!("you may not read {}", what()),
    };
    anyhow::ensure!(
        !seen["metadata"]["deletionTimestamp"].is_null(),
        "{} is not being deleted; next: kubectl delete it first",
        what()
    );
    let all = seen["metadata"]["finalizers"].as_array();
    let kept: Vec<&Value> = all
        .into_iter()
        .flatten()
        .filter(|it| *it != FINALIZER)
        .collect();
    // The version is a precondition: whoever changed it meanwhile is not overruled.
    let patch = json!({"metadata": {
        "finalizers": kept,
        "resourceVersion": seen["metadata"]["resourceVersion"],
    }});
    cluster
        .api(Kind::Ours(kind), namespace)
        .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .map_err(|error| anyhow::anyhow!(words(&error)))
        .with_context(|| format!("cannot let go of {}", what()))?;
    if screen.is_document() {
        screen.document(&json!({"finalized": object, "left": left}))?;
    } else {
        screen.say(&format!("{GOOD}let go{GOOD:#} of {}", what()));
        screen.say(&format!("{WARN}left in NATS{WARN:#}: {left}"));
    }
    Ok(Exit::Fine)
}

/// Kind, name, and what stays behind.
fn parse(object: &str) -> anyhow::Result<(&'static str, &str, &'static str)> {
    let usage = "which object? flow/NAME, grant/NAME or tenant/NAME";
    let (kind, name) = object.split_once('/').context(usage)?;
    let (kind, left) = match Kind::named(kind).context(usage)? {
        Kind::Ours("flows") => (
            "flows",
            "the flow's program, its consumers, and what waits on its edges, until it has aged out; \
             an operator that comes back removes them",
        ),
        Kind::Ours("grants") => (
            "grants",
            "the grant's consumer: its reader may go on receiving until an operator comes back, or \
             the owner's account is taken away",
        ),
        Kind::Ours("tenants") => (
            "tenants",
            "the tenant's account with its streams and dead letters, and its Deployments in \
             Kubernetes, until an operator comes back",
        ),
        _ => anyhow::bail!("{usage}; others have nothing to be kept for"),
    };
    Ok((kind, name, left))
}

/// Whether somebody holds the lease now.
pub(super) fn holds(lease: &Value, now: Timestamp) -> bool {
    let spec = &lease["spec"];
    let renewed = spec["renewTime"]
        .as_str()
        .and_then(|it| it.parse::<Timestamp>().ok());
    let seconds = spec["leaseDurationSeconds"].as_i64().unwrap_or_default();
    spec["holderIdentity"]
        .as_str()
        .is_some_and(|holder| !holder.is_empty())
        && renewed.is_some_and(|renewed| now.as_second() - renewed.as_second() <= seconds)
}
