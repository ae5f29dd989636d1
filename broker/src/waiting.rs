//! How much waits on the edges of tenants' flows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use vrsky_plan::TenantId;

use crate::api::Api;
use crate::{Broker, Error, Keys, Seed};

/// How many tenants are asked about at once.
const CONCURRENT: usize = 16;

/// Messages by flow, by the flow's token; a flow for which nothing waits is absent.
pub type Waiting = BTreeMap<String, u64>;

/// Asks once a tenant. Who cannot be asked is absent.
pub(crate) async fn ask(
    broker: Arc<Broker>,
    asked: Vec<(TenantId, Seed)>,
) -> BTreeMap<TenantId, Waiting> {
    let looks = asked.into_iter().map(|(id, account)| {
        let broker = Arc::clone(&broker);
        async move {
            let found = look(&broker, &id, &account).await;
            if let Err(error) = &found {
                tracing::debug!(event = "not_looked_at", tenant = %id, %error);
            }
            Some((id, found.ok()??))
        }
    });
    stream::iter(looks)
        .buffer_unordered(CONCURRENT)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// The accounts of tenants that have keys.
pub(crate) fn accounts(keys: &Keys, tenants: BTreeSet<TenantId>) -> Vec<(TenantId, Seed)> {
    let tenants = tenants.into_iter();
    tenants
        .filter_map(|id| {
            let account = keys.tenant(&id).ok()?.account.clone();
            Some((id, account))
        })
        .collect()
}

/// `None`: the tenant has no stream yet.
async fn look(broker: &Broker, id: &TenantId, account: &Seed) -> Result<Option<Waiting>, Error> {
    let api: Api = broker.account(id, account).await?;
    let found = api.subjects(id.transit_stream().as_str(), "e.>").await?;
    Ok(found.map(|subjects| by_flow(&subjects)))
}

/// Subjects are `e.<flow>.<edge>`, retries included.
fn by_flow(subjects: &BTreeMap<String, u64>) -> Waiting {
    let mut waiting = Waiting::new();
    for (subject, messages) in subjects {
        if let Some(flow) = subject.split('.').nth(1) {
            *waiting.entry(flow.to_owned()).or_default() += messages;
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::{Waiting, by_flow};

    #[test]
    fn all_edges_of_a_flow_count_together() {
        let subjects = [
            ("e.acme_bill.in", 2),
            ("e.acme_bill.sink-erp-r10m", 1),
            ("e.acme_ship.in", 4),
        ];
        let subjects = subjects.map(|(subject, messages)| (subject.to_owned(), messages));
        let expected = [("acme_bill", 3), ("acme_ship", 4)];
        let expected = expected.map(|(flow, messages)| (flow.to_owned(), messages));
        assert_eq!(by_flow(&subjects.into()), Waiting::from(expected));
    }
}
