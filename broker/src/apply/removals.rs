//! Flows and tenants that are gone: publishers first, then readers when they have read what was for
//! them, then what is left is removed and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vrsky_plan::program::Source;
use vrsky_plan::{FlowId, Program, TenantId};

use super::Work;
use crate::api::Api;
use crate::{Error, Verb, accounts, order, programs};

/// How long a reader that goes may take to read what lies on its edges.
const DRAIN: Duration = Duration::from_secs(10);
/// It is given up earlier when nothing happens for so long: no runtime is there.
const STALLED: Duration = Duration::from_secs(1);

/// What lay on the edges of a reader that goes.
#[derive(Debug)]
pub(crate) struct Draining {
    since: Instant,
    left: u64,
    changed: Instant,
}

impl Work<'_> {
    /// Flows that the plan no longer has and that read to the end before they go: those that read a
    /// topic and run. With the hashes of their programs.
    pub(super) fn leaving(&self, id: &TenantId, held: &programs::Held) -> BTreeMap<FlowId, String> {
        let (_, tenant) = self.plan[id];
        let programs = held.values().filter_map(|entry| entry.value.as_ref());
        programs
            .filter_map(|value| serde_json::from_slice::<Program>(value).ok())
            .filter(|program| !tenant.programs.contains_key(&program.flow) && reads_on(program))
            .map(|program| (program.flow, program.hash.into()))
            .collect()
    }

    /// Removes the flows of one tenant that the plan no longer has. False: some have not read to the
    /// end, and the next apply looks again. Nobody waits here: the other tenants would, too.
    pub(super) async fn remove_flows(
        &mut self,
        id: &TenantId,
        held: &programs::Held,
    ) -> Result<bool, Error> {
        let (_, tenant) = self.plan[id];
        let tokens: BTreeSet<String> = tenant.programs.keys().map(FlowId::token).collect();
        let api = self.broker.tenant(id, self.keys).await?;
        let mut gone: BTreeMap<FlowId, Arc<Program>> = BTreeMap::new();
        let mut unreadable = Vec::new();
        for (token, entry) in held {
            let Some(value) = entry.value.as_ref().filter(|_| token != "index") else {
                continue;
            };
            if tokens.contains(token) {
                continue;
            }
            match serde_json::from_slice::<Program>(value) {
                Ok(program) => drop(gone.insert(program.flow.clone(), Arc::new(program))),
                Err(_) => unreadable.push(token.clone()),
            }
        }
        // Who was given back meanwhile begins anew when it goes again.
        let mut draining = self.broker.draining.lock().await;
        draining.retain(|(tenant, flow), _| tenant != id || gone.contains_key(flow));
        drop(draining);
        let publishers_first = order::readers_first(&gone).into_iter().rev();
        for flow in publishers_first {
            if reads_on(&gone[&flow]) && !self.has_drained(&api, id, &flow).await? {
                self.applied.draining.insert(id.clone());
                return Ok(false);
            }
            self.remove_program(id, &flow.token(), held).await?;
        }
        for token in unreadable {
            self.remove_program(id, &token, held).await?;
        }
        self.purge_edges(id, &api, &tokens).await?;
        Ok(true)
    }

    /// Whether nothing lies on a flow's edges any more, or nothing has happened there for too long.
    async fn has_drained(&self, api: &Api, id: &TenantId, flow: &FlowId) -> Result<bool, Error> {
        let filter = format!("e.{}.>", flow.token());
        let info = api.stream(id.transit_stream().as_str(), &filter).await?;
        let left: u64 = info.map_or(0, |info| info.state.subjects.values().sum());
        let key = (id.clone(), flow.clone());
        let now = Instant::now();
        let mut draining = self.broker.draining.lock().await;
        let seen = draining.entry(key.clone()).or_insert(Draining {
            since: now,
            left,
            changed: now,
        });
        if seen.left != left {
            (seen.left, seen.changed) = (left, now);
        }
        let is_over = left == 0 || now - seen.since > DRAIN || now - seen.changed > STALLED;
        if is_over {
            draining.remove(&key);
        }
        Ok(is_over)
    }

    async fn remove_program(
        &mut self,
        id: &TenantId,
        token: &str,
        held: &programs::Held,
    ) -> Result<(), Error> {
        if let Some(entry) = held.get(token) {
            programs::remove(&self.broker.platform, id, token, entry).await?;
            self.applied
                .did(id, Verb::RemoveProgram, token.replacen('_', "/", 1));
        }
        Ok(())
    }

    /// Removes messages on edges of flows that do not exist. It looks at what is there, not at what
    /// was just removed, so a message that came late goes with the next apply.
    async fn purge_edges(
        &mut self,
        id: &TenantId,
        api: &Api,
        tokens: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let transit = id.transit_stream();
        let Some(info) = api.stream(transit.as_str(), "e.>").await? else {
            return Ok(());
        };
        let found: BTreeSet<&str> = info
            .state
            .subjects
            .keys()
            .filter_map(|subject| subject.split('.').nth(1))
            .filter(|token| !tokens.contains(*token))
            .collect();
        for token in found {
            let subject = format!("e.{token}.>");
            let purged = api.purge(transit.as_str(), &subject).await?;
            self.applied.purged(id, &subject, purged);
        }
        Ok(())
    }

    /// Ends a tenant that is gone: programs, then streams (their files would survive the account),
    /// then the account is closed. Its keys stay with the caller.
    pub(super) async fn close(&mut self, id: &TenantId) -> Result<(), Error> {
        let platform = &self.broker.platform;
        for bucket in ["programs", "leases"] {
            let subject = format!("$KV.{bucket}.{id}.>");
            let purged = platform.purge(&format!("KV_{bucket}"), &subject).await?;
            if purged > 0 {
                self.applied.purged(id, &subject, purged);
            }
        }
        let api = self.broker.tenant(id, self.keys).await?;
        for stream in [
            id.transit_stream(),
            id.dead_letter_stream(),
            id.shared_stream(),
        ] {
            if api.delete_stream(stream.as_str()).await? {
                self.applied.did(id, Verb::DeleteStream, stream.as_str());
            }
        }
        // Our own connection would be thrown out, and try again for ever.
        drop(api);
        self.broker.leave(id).await;
        let wanted = accounts::closed(self.keys, id)?.claims();
        let account = self.keys.tenant(id)?.account.public()?;
        let held = self.broker.resolver.look_up(&account).await?;
        if self.broker.resolver.make(&wanted, held.as_ref()).await? {
            self.applied.did(id, Verb::CloseAccount, id.as_str());
        }
        Ok(())
    }
}

/// Whether a flow that goes first reads what lies on its edges.
fn reads_on(program: &Program) -> bool {
    matches!(program.source, Source::Topic { .. }) && !program.suspended
}
