//! Stories on `examples/flows/06-cross-tenant`: what has to arrive, what did, and where to read it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::orders::{self, Order};
use crate::{Dev, Expected, Folder, Ledger, Receiver};
use anyhow::Context as _;
use serde_json::Value;

/// Waits until all orders that the warehouse must get have arrived.
pub async fn wait_delivered(
    receiver: &Receiver,
    wanted: usize,
    limit: Duration,
) -> anyhow::Result<()> {
    // Counting is cheap, telling apart is not.
    let arrived = || receiver.count_at("/warehouse") >= wanted && distinct(receiver) >= wanted;
    let found = crate::until(limit, || arrived().then_some(())).await;
    found.with_context(|| {
        format!(
            "the warehouse got {} of {wanted} orders within {limit:?}",
            distinct(receiver)
        )
    })
}

/// Waits until acme's flow has nothing left to do: what it accepted has ended, all of it.
pub async fn wait_idle(dev: &Dev, flow: &str, accepted: u64) -> anyhow::Result<()> {
    let limit = Duration::from_secs(30);
    let is_idle = || {
        let report = dev.report(flow)?;
        let counters = report.counters;
        let ended = counters.filtered
            + counters.unread
            + counters.dead_lettered
            + counters.delivered.values().sum::<u64>();
        (counters.accepted >= accepted && ended >= counters.accepted).then_some(())
    };
    crate::until(limit, is_idle).await.with_context(|| {
        format!(
            "{flow} was not idle within {limit:?}: {:?}",
            dev.report(flow)
        )
    })
}

/// Waits until every accepted order that must become a dead letter is one.
pub async fn wait_buried(ledger: &Ledger, dev: &Dev, limit: Duration) -> anyhow::Result<()> {
    let wanted = ledger.must_be_buried();
    let end = std::time::Instant::now() + limit;
    loop {
        let found = buried(dev).await?;
        if wanted.is_subset(&found) {
            return Ok(());
        }
        anyhow::ensure!(
            std::time::Instant::now() < end,
            "{} of {} dead letters within {limit:?}",
            found.len(),
            wanted.len()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The orders that are dead letters, of both tenants.
async fn buried(dev: &Dev) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for tenant in ["acme", "globex"] {
        for letter in dev.dead_letters(tenant).await? {
            let text = String::from_utf8_lossy(&letter.payload);
            found.insert(orders::id_in(&text).unwrap_or_else(|| "(no id)".to_owned()));
        }
    }
    Ok(found)
}

/// How many different orders the warehouse got.
pub fn distinct(receiver: &Receiver) -> usize {
    receiver.ids("/warehouse", "order").len()
}

/// Fills the ledger with what arrived and what was given up on.
pub async fn settle(ledger: &mut Ledger, dev: &Dev, receiver: &Receiver) -> anyhow::Result<()> {
    for request in receiver.at("/warehouse") {
        let payload = request.json();
        let id = payload["order"].as_str().unwrap_or("(no id)").to_owned();
        ledger.deliver(id, payload);
    }
    for id in buried(dev).await? {
        ledger.bury(id);
    }
    Ok(())
}

/// Takes note of orders before they are posted; how many of them must arrive. `shared`: whether globex
/// has the grant.
pub fn note(ledger: &mut Ledger, wave: std::ops::Range<u32>, shared: bool) -> usize {
    let mut delivered = 0;
    for order in wave.map(Order) {
        let expected = if shared {
            order.expected()
        } else {
            order.expected_unshared()
        };
        delivered += usize::from(matches!(expected, Expected::Delivered(_)));
        ledger.send(order.id(), expected);
    }
    delivered
}

/// The different orders in the file that globex' flow writes, and how many lines it has.
pub fn in_file(folder: &Folder) -> anyhow::Result<(BTreeSet<String>, usize)> {
    let text = folder.read("out/fulfilment.ndjson")?;
    let ids: BTreeSet<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| Some(line["order"].as_str()?.to_owned()))
        .collect();
    Ok((ids, text.lines().count()))
}
