//! Stories in a cluster on one flow: orders come in by a webhook of acme and go on to a warehouse,
//! which is a [`Receiver`].

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::json;

use crate::installed::SOON;
use crate::orders::Order;
use crate::poster::{Post, Posted, Poster};
use crate::{Installed, Receiver};

/// Where the warehouse takes orders.
pub const PATH: &str = "/warehouse";

/// A webhook of acme, `/shop`, that publishes orders to the topic `orders`.
pub const SHOP: &str = r"
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: orders, namespace: acme}
spec:
  contract: {fields: {id: string}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: shop, namespace: acme}
spec:
  source:
    connector: webhook
    with: {path: /shop}
    contract: {fields: {id: string}}
  sinks:
    orders: {topic: orders}
";

/// A topic of globex, `levels`, that acme may read.
pub const LEVELS: &str = r"
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: levels, namespace: globex}
spec:
  contract: {fields: {id: string}}
---
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: levels-for-acme, namespace: globex}
spec:
  to: {tenant: acme}
  topic: levels
";

/// The Flow `levels` in the namespace acme, which reads that topic with this filter.
pub fn reader(filter: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: levels, namespace: acme}}
spec:
  source: {{topic: globex/levels}}
  steps: [{{filter: '{filter}'}}]
  sinks: {{printed: {{connector: log}}}}
"
    )
}

/// The Flow `orders` in the namespace acme, with these steps (YAML in one line). It insists for longer
/// than any story refuses.
pub fn flow(receiver: &Receiver, steps: &str) -> String {
    let url = receiver.url();
    format!(
        r#"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: orders, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /orders}}
    contract: {{fields: {{id: string}}}}
  steps: {steps}
  sinks:
    warehouse:
      connector: http
      with: {{url: "{url}", path: [warehouse]}}
      delivery: {{retries: {{attempts: 100, first: 200ms, max: 1s}}}}
"#
    )
}

/// The same flow, which writes a version into each order: a number, or a mistake.
pub fn version(receiver: &Receiver, expression: &str) -> String {
    let map = format!(r#". = {{"id": .id, "version": {expression}}}"#);
    flow(receiver, &format!("[{{map: '{map}'}}]"))
}

/// Posts orders to a flow of acme; all of them must be accepted.
pub async fn post(poster: &Poster, orders: Range<u32>) -> anyhow::Result<Posted> {
    let wanted = orders.len();
    let posts = orders.map(|number| {
        let id = Order(number).id();
        Post::json(id.clone(), &json!({"id": id}))
    });
    let end = poster.post(posts).await?;
    let accepted = end.accepted.len();
    anyhow::ensure!(accepted == wanted, "{accepted} of {wanted}: {end:?}");
    Ok(end)
}

/// The ids of orders.
pub fn ids(orders: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    let orders = orders.into_iter().map(Order);
    orders.map(Order::id).collect()
}

/// Waits until exactly these orders have arrived at a path of the receiver, each once or more; how many
/// copies came beside.
pub async fn arrived(
    installed: &Installed,
    receiver: &Receiver,
    path: &str,
    orders: impl IntoIterator<Item = u32>,
) -> anyhow::Result<usize> {
    let wanted = ids(orders);
    let all = || (receiver.ids(path, "id") == wanted).then_some(());
    if crate::until(SOON, all).await.is_none() {
        let arrived = receiver.ids(path, "id");
        let missing: Vec<_> = wanted.difference(&arrived).collect();
        let others: Vec<_> = arrived.difference(&wanted).collect();
        anyhow::bail!(
            "of {} orders {} are missing at {path} ({:?}…{:?}), {} others are there ({:?}…)\n{}",
            wanted.len(),
            missing.len(),
            missing.first(),
            missing.last(),
            others.len(),
            others.first(),
            installed.logs()
        );
    }
    Ok(receiver.count_at(path) - wanted.len())
}
