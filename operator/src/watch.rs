//! Watches everything that matters, in one stream.

use std::collections::BTreeSet;

use futures_util::stream::{SelectAll, Stream, StreamExt};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};

use crate::kinds::Kind;
use crate::names::MANAGED_BY;

/// What a watch said, or why it cannot be had at the moment; it is tried again, with growing pauses.
pub type Said = (Kind, Result<Event<DynamicObject>, watcher::Error>);

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
        let said = watcher(api, config)
            .default_backoff()
            .map(move |said| (kind, said));
        streams.push(said.boxed());
    }
    streams
}
