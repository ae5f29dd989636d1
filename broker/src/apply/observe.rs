//! What is.

use futures_util::{StreamExt, stream};
use serde_json::Value;
use vrsky_plan::TenantId;

use super::Work;
use crate::api::StreamInfo;
use crate::{Broker, Error, Keys, accounts};

/// How many tenants are looked at at once.
const CONCURRENT: usize = 16;

/// What one tenant has.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What the servers hold of its account.
    pub(super) claims: Option<Value>,
    /// True if the account is there and not closed.
    pub(super) open: bool,
    pub(super) transit: Option<StreamInfo>,
    pub(super) dead_letters: Option<StreamInfo>,
    pub(super) shared: Option<StreamInfo>,
    /// Consumers of the shared stream, by name.
    pub(super) consumers: Vec<String>,
}

impl Work<'_> {
    /// Looks at all tenants in scope that ever were. One that cannot be looked at is broken.
    pub(super) async fn observe(&mut self) {
        let ids = self.keys.tenant_ids().filter(|id| self.is_in_scope(id));
        let looks = ids.cloned().collect::<Vec<_>>().into_iter().map(|id| {
            let planned = self.plan.contains_key(&id);
            let (broker, keys) = (self.broker, self.keys);
            async move {
                let held = observe(broker, keys, &id, planned).await;
                (id, held)
            }
        });
        let mut found: Vec<_> = stream::iter(looks)
            .buffer_unordered(CONCURRENT)
            .collect()
            .await;
        found.sort_by(|left, right| left.0.cmp(&right.0));
        for (id, held) in found {
            match held {
                Ok(held) => drop(self.held.insert(id, held)),
                Err(error) => {
                    self.note(&id, Err(error));
                    self.applied.ending.insert(id, None);
                }
            }
        }
    }
}

/// Looks at one tenant.
pub(super) async fn observe(
    broker: &Broker,
    keys: &Keys,
    id: &TenantId,
    planned: bool,
) -> Result<Held, Error> {
    let account = keys.tenant(id)?.account.public()?;
    let claims = broker.resolver.look_up(&account).await?;
    let open = claims
        .as_ref()
        .is_some_and(|claims| !accounts::is_closed(claims));
    if !open {
        tracing::trace!(tenant = %id, planned, "account is not open");
        return Ok(Held {
            claims,
            ..Held::default()
        });
    }
    let api = broker.tenant(id, keys).await?;
    let shared = id.shared_stream();
    Ok(Held {
        claims,
        open,
        transit: api.stream(id.transit_stream().as_str(), "e.none").await?,
        dead_letters: api
            .stream(id.dead_letter_stream().as_str(), "d.none")
            .await?,
        shared: api.stream(shared.as_str(), "x.none").await?,
        consumers: api.consumers(shared.as_str()).await?,
    })
}
