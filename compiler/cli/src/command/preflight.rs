//! `vrsky check --pre`: is this cluster fit for VRSky, and may this user use it?

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use serde::Serialize;

use super::finalize::holds;
use crate::arguments::Access;
use crate::cluster::{Cluster, Found, GROUP_VERSION, Kind, block_on, words};
use crate::output::{BAD, DIM, Exit, GOOD, Screen, WARN};
use crate::safe;

/// ValidatingAdmissionPolicy is stable since this minor version of Kubernetes 1.
const OLDEST_MINOR: u32 = 30;

/// Our kinds, by their plurals.
const KINDS: [&str; 5] = ["connectors", "flows", "grants", "tenants", "topics"];

/// What a tenant's people do.
const RIGHTS: [(&str, &str, &str); 6] = [
    ("get", "vrsky.io", "flows"),
    ("create", "vrsky.io", "flows"),
    ("create", "vrsky.io", "topics"),
    ("create", "vrsky.io", "grants"),
    ("list", "", "pods"),
    ("get", "apps", "deployments"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Passed,
    Failed,
    /// Not visible to this user, or a right that not everybody needs.
    Unknown,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    state: State,
    says: String,
    /// Where it is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

pub(super) fn run(access: &Access, screen: Screen) -> anyhow::Result<Exit> {
    let checks = block_on(async {
        let cluster = Cluster::connect(access).await?;
        check(&cluster, &access.system).await
    })?;
    if screen.is_document() {
        screen.document(&checks)?;
    } else {
        for check in &checks {
            let (style, sign) = match check.state {
                State::Passed => (GOOD, "✔"),
                State::Failed => (BAD, "✘"),
                State::Unknown => (WARN, "?"),
            };
            let says = safe::line(&check.says);
            screen.say(&format!("{style}{sign}{style:#} {}: {says}", check.name));
            if let Some(page) = &check.page {
                screen.say(&format!("  {DIM}{page}{DIM:#}"));
            }
        }
    }
    let failed = checks.iter().any(|check| check.state == State::Failed);
    Ok(if failed { Exit::Findings } else { Exit::Fine })
}

async fn check(cluster: &Cluster, system: &str) -> anyhow::Result<Vec<Check>> {
    let mut checks = vec![version(cluster).await?, kinds(cluster).await?];
    for (verb, group, resource) in RIGHTS {
        checks.push(right(cluster, verb, group, resource).await?);
    }
    checks.push(operator(cluster, system).await?);
    checks.push(leader(cluster, system).await?);
    checks.push(nats(cluster, system).await?);
    Ok(checks)
}

async fn version(cluster: &Cluster) -> anyhow::Result<Check> {
    let version = cluster.client.apiserver_version().await;
    let version = version.map_err(|error| anyhow::anyhow!(words(&error)))?;
    // Some providers write `30+`.
    let minor = version
        .minor
        .trim_end_matches('+')
        .parse::<u32>()
        .unwrap_or(0);
    let is_new_enough = version.major == "1" && minor >= OLDEST_MINOR;
    Ok(Check::new(
        "Kubernetes",
        is_new_enough,
        format!(
            "{}, 1.{OLDEST_MINOR} or newer is needed",
            version.git_version
        ),
        "install.md",
    ))
}

async fn kinds(cluster: &Cluster) -> anyhow::Result<Check> {
    let served = match cluster.client.list_api_group_resources(GROUP_VERSION).await {
        Ok(list) => list.resources.into_iter().map(|it| it.name).collect(),
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => anyhow::bail!(words(&error)),
    };
    let missing: Vec<&str> = KINDS
        .into_iter()
        .filter(|kind| !served.iter().any(|it| it == kind))
        .collect();
    let says = if missing.is_empty() {
        format!("{GROUP_VERSION} is served")
    } else {
        format!("{GROUP_VERSION} lacks {}", missing.join(", "))
    };
    Ok(Check::new(
        "kinds",
        missing.is_empty(),
        says,
        "install.md#with-helm",
    ))
}

/// Whether this user may do something in the namespace. That one may not is no failure: it depends
/// on who one is.
async fn right(
    cluster: &Cluster,
    verb: &str,
    group: &str,
    resource: &str,
) -> anyhow::Result<Check> {
    let asked = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(cluster.namespace.clone()),
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = reviews.create(&PostParams::default(), &asked).await;
    let answer = answer.map_err(|error| anyhow::anyhow!(words(&error)))?;
    let is_allowed = answer.status.is_some_and(|status| status.allowed);
    let may = if is_allowed { "you may" } else { "you may not" };
    let mut check = Check::new(
        "rights",
        is_allowed,
        format!("{may} {verb} {resource} in {}", cluster.namespace),
        "rbac.md",
    );
    if !is_allowed {
        check.state = State::Unknown;
    }
    Ok(check)
}

async fn operator(cluster: &Cluster, system: &str) -> anyhow::Result<Check> {
    let found = cluster.get_in(Kind::Deployments, Some(system), "vrsky-operator");
    let found = found.await?;
    let page = "install.md#with-helm";
    Ok(match found {
        Found::There(deployment) => {
            let available = deployment["status"]["availableReplicas"]
                .as_i64()
                .unwrap_or(0);
            let says = format!("{available} available in {system}");
            Check::new("operator", available > 0, says, page)
        }
        Found::Missing => Check::new(
            "operator",
            false,
            format!("there is none in {system}"),
            page,
        ),
        Found::Hidden => Check::hidden("operator", system),
    })
}

async fn leader(cluster: &Cluster, system: &str) -> anyhow::Result<Check> {
    let found = cluster.get_in(Kind::Leases, Some(system), "vrsky-operator");
    Ok(match found.await? {
        Found::There(lease) => {
            let leads = holds(&lease, jiff::Timestamp::now());
            let who = lease["spec"]["holderIdentity"].as_str().unwrap_or("nobody");
            let says = if leads {
                format!("{who} leads")
            } else {
                format!("nobody leads; the last was {who}")
            };
            Check::new("leader", leads, says, "operator.md")
        }
        Found::Missing => Check::new("leader", false, "nobody ever led".to_owned(), "operator.md"),
        Found::Hidden => Check::hidden("leader", system),
    })
}

/// NATS as the operator that leads sees it: nobody else reaches it.
async fn nats(cluster: &Cluster, system: &str) -> anyhow::Result<Check> {
    let operators = "app.kubernetes.io/name=vrsky-operator";
    let found = cluster.list_in(Kind::Pods, Some(system), operators);
    let pods = match found.await? {
        Found::There(pods) => pods,
        Found::Missing => Vec::new(),
        Found::Hidden => return Ok(Check::hidden("NATS", system)),
    };
    let mut said = "no operator answers".to_owned();
    for pod in pods
        .iter()
        .filter_map(|pod| pod["metadata"]["name"].as_str())
    {
        let path = format!("/api/v1/namespaces/{system}/pods/{pod}:8081/proxy/readyz");
        let request = http::Request::get(path).body(Vec::new())?;
        said = match cluster.client.request_text(request).await {
            Ok(said) => said,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Ok(Check::hidden("NATS", system));
            }
            Err(error) => words(&error),
        };
        if let Some(version) = said.lines().find(|line| line.starts_with("nats-server ")) {
            return Ok(Check::new(
                "NATS",
                true,
                version.to_owned(),
                "operations.md",
            ));
        }
    }
    Ok(Check::new("NATS", false, said, "operations.md"))
}

impl Check {
    fn new(name: &str, passed: bool, says: String, page: &str) -> Self {
        let page = format!("{}/blob/main/docs/{page}", env!("CARGO_PKG_REPOSITORY"));
        Self {
            name: name.to_owned(),
            state: if passed { State::Passed } else { State::Failed },
            says,
            page: (!passed).then_some(page),
        }
    }

    fn hidden(name: &str, system: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Unknown,
            says: format!("not visible to you in {system}"),
            page: None,
        }
    }
}
