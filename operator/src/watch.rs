//! Watches everything that matters, in one stream.

use std::collections::BTreeSet;

use futures_util::stream::{SelectAll, Stream, StreamExt};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};

use crate::kinds::{GATEWAY, Kind};
use crate::names::{MANAGED_BY, OFFERS};
use crate::own;

/// What a watch said, or why it cannot be had at the moment; it is tried again, with growing pauses.
pub type Said = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// The kinds that there are to watch: the Gateway API is not in every cluster.
pub async fn kinds(client: &Client) -> Result<BTreeSet<Kind>, own::Error> {
    let mut kinds = BTreeSet::from(Kind::ALL);
    let (group, version) = GATEWAY;
    let served = client
        .list_api_group_resources(&format!("{group}/{version}"))
        .await;
    let resources = match served {
        Ok(list) => list.resources,
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(own::api("the kinds of the Gateway API", error)),
    };
    if resources.iter().any(|one| one.name == "httproutes") {
        kinds.insert(Kind::HttpRoute);
    }
    Ok(kinds)
}

/// Watches of these kinds. It never ends.
pub fn all(
    client: &Client,
    kinds: &BTreeSet<Kind>,
) -> impl Stream<Item = Said> + Send + Unpin + use<> {
    let mut streams = SelectAll::new();
    for &kind in kinds {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
        let mut config = watcher::Config::default().any_semantic();
        if !kind.is_ours() && kind != Kind::Namespace {
            config = config.labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
        }
        if kind == Kind::ConfigMap {
            config = config.fields(&format!("metadata.name={OFFERS}"));
        }
        let said = watcher(api, config)
            .default_backoff()
            .map(move |said| (kind, said));
        streams.push(said.boxed());
    }
    streams
}
