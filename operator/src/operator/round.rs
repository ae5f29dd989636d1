//! One round: World → plan → NATS → Kubernetes → status.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use vrsky_broker::{Ending, Failure, Revoked};
use vrsky_compiler::{Compiled, Severity};
use vrsky_plan::{Plan, TenantId};

use super::untold::Untold;
use super::{AGAIN, AGAIN_AT_MOST, DRAINING, Operator};
use crate::index::Key;
use crate::kinds::Kind;
use crate::names::{RUNTIME, SUPPORT};
use crate::objects::Credentials;
use crate::reconcile::{self, Action, Where, reconcile};
use crate::{objects, world};

/// Imports of one grant that end within so many milliseconds ended by one revocation.
const TOGETHER_MS: u64 = 60_000;

impl Operator {
    /// Makes true what is seen now. What fails is tried again after the pause that it returns; the
    /// rest of the round is not held up by it.
    pub(super) async fn round(&mut self) -> Option<Duration> {
        if !self.index.is_ready() {
            let missing: Vec<&str> = self.index.missing().map(Kind::name).collect();
            let missing = format!("the lists of {}", missing.join(", "));
            self.health.waits_for("the API server", Some(missing));
            return None;
        }
        self.health.waits_for("the API server", None);
        let began = Instant::now();
        let done = self.make_true().await;
        self.health.round(began.elapsed(), self.failed.len());
        let again = match done {
            Ok(true) => {
                self.attempts = 0;
                None
            }
            Ok(false) => Some(self.pause()),
            Err(error) => {
                tracing::warn!(event = "round_failed", %error);
                Some(self.pause())
            }
        };
        let is_draining = !self.draining.is_empty() && self.is_connected();
        let soon = is_draining.then_some(if again.is_some() { AGAIN } else { DRAINING });
        again.into_iter().chain(soon).min()
    }

    /// True if nothing failed.
    async fn make_true(&mut self) -> Result<bool, crate::own::Error> {
        let (own, keys) = (&self.own, &mut self.keys);
        own.make_sure(keys, &mut self.inventory).await?;
        self.pin().await?;
        self.staying = self.staying();
        let compiled = self.compile();
        let plan = compiled.plan;
        self.recheck_at = compiled.recheck_at;
        let is_kept = self.keep().await;
        if self.keys.value.provide(&plan)? {
            self.own.put_keys(&mut self.keys).await?;
        }
        let in_nats = self.in_nats(&plan).await;
        let in_kubernetes = self.in_kubernetes(&plan).await;
        self.untold.tenants(reconcile::touched(&self.plan, &plan));
        let tenants = plan.tenants.iter();
        self.names = tenants
            .map(|(name, tenant)| (tenant.id.clone(), name.clone()))
            .collect();
        self.plan = plan;
        let is_let_go = self.let_go().await;
        // It holds nothing up.
        let remembered = self.remember_sound().await;
        let is_done = is_kept && in_nats && in_kubernetes && is_let_go;
        // What has just been planned may run in a moment, and then there is one thing to tell. Not what
        // failed, and not twice: the next round may be long in coming, and the one after it, too.
        let can_wait = is_done && self.draining.is_empty();
        let waits = can_wait && !std::mem::replace(&mut self.waited, true);
        let is_told = waits || self.tell().await;
        remembered?;
        Ok(is_done && is_told)
    }

    /// Namespaces that have to be pinned are, before anything is made in them.
    async fn pin(&mut self) -> Result<(), crate::own::Error> {
        if self.index.is_bound() {
            return Ok(());
        }
        let inventory = self.inventory.value.follow(&self.index);
        if inventory.namespaces == self.inventory.value.namespaces {
            return Ok(());
        }
        self.untold = Untold::everything();
        self.inventory.value = inventory;
        self.own.put_inventory(&mut self.inventory).await
    }

    /// What is found to be sound is remembered.
    async fn remember_sound(&mut self) -> Result<(), crate::own::Error> {
        if self.index.is_bound() {
            return Ok(());
        }
        let inventory = self.inventory.value.follow(&self.index);
        if inventory != self.inventory.value {
            self.inventory.value = inventory;
            self.own.put_inventory(&mut self.inventory).await?;
        }
        self.index.bound();
        Ok(())
    }

    fn compile(&mut self) -> Compiled {
        let incumbents = std::mem::take(&mut self.incumbents);
        let world = world::build(
            &self.index,
            &self.inventory.value,
            &self.staying,
            incumbents,
            self.config.nats.replicas.count(),
            Timestamp::now(),
        );
        let mut compiled = self.compiler.compile(&world);
        self.incumbents = world.incumbents;
        let mut found: BTreeMap<Key, Vec<_>> = BTreeMap::new();
        for diagnostic in std::mem::take(&mut compiled.diagnostics) {
            let origin = &world.documents[diagnostic.primary.document].origin;
            if let Some(key) = Key::from_origin(origin) {
                found.entry(key).or_default().push(diagnostic);
            }
        }
        for key in found.keys().chain(self.diagnostics.keys()) {
            if found.get(key) != self.diagnostics.get(key) {
                self.untold.object(Some(key));
            }
        }
        self.diagnostics = found;
        self.index.judge(|key, seen| {
            let mut found = self.diagnostics.get(key).into_iter().flatten();
            let is_wrong = found.any(|one| one.severity == Severity::Error);
            !is_wrong && !seen.is_paused() && !seen.is_deleting()
        });
        compiled
    }

    /// NATS follows the plan, for the tenants that need it. Who failed is tried again next time.
    async fn in_nats(&mut self, plan: &Plan) -> bool {
        let Some(broker) = self.broker.as_ref().filter(|broker| broker.is_connected()) else {
            // The tick looks for it.
            return true;
        };
        let mut touched = reconcile::touched(&self.applied, plan);
        touched.extend(self.to_verify());
        touched.extend(self.failed.keys().cloned());
        touched.extend(self.draining.iter().cloned());
        // At the start: everybody, also those who are gone.
        if self.verified.is_empty() {
            touched.extend(self.keys.value.tenant_ids().cloned());
        }
        let touched = reconcile::with_owners(plan, touched);
        if touched.is_empty() {
            return true;
        }
        self.untold.tenants(touched.iter().cloned());
        let applied = match broker.apply_some(plan, &self.keys.value, &touched).await {
            Ok(applied) => applied,
            Err(error) => {
                tracing::warn!(event = "broker_failed", %error, reason = error.reason());
                let unknown = touched.iter().map(|id| (id.clone(), None)).collect();
                self.note_ending(&touched, unknown);
                self.failed.extend(touched.into_iter().map(|tenant| {
                    let failure = Failure {
                        tenant: tenant.clone(),
                        reason: error.reason(),
                        message: error.to_string(),
                    };
                    (tenant, failure)
                }));
                return false;
            }
        };
        self.applied.clone_from(plan);
        self.draining = applied.draining;
        self.note_ending(&touched, applied.ending);
        for action in &applied.actions {
            tracing::info!(event = "broker", tenant = %action.tenant, verb = action.verb.words(), object = action.object);
        }
        // What an operator before this one did, and may have died before it told; or an apply of this
        // one that failed afterwards.
        let mut before = applied.remembered;
        before.retain(|it| {
            let known = self.revoked.get(&it.grant);
            known.is_none_or(|known| known.at_ms < it.at_ms)
        });
        before.sort_by_key(|it| it.at_ms);
        for revoked in before {
            self.note_revoked(revoked);
        }
        for revoked in applied.revoked {
            tracing::info!(event = "revoked", grant = revoked.grant, reader = %revoked.reader, flow = %revoked.flow, removed = revoked.purged);
            self.note_revoked(revoked);
        }
        let failed = by_tenant(applied.failed);
        let now = Instant::now();
        for id in &touched {
            self.failed.remove(id);
            if failed.contains_key(id) {
                self.verified.remove(id);
            } else {
                self.verified.insert(id.clone(), now);
            }
        }
        let is_done = failed.is_empty();
        self.failed.extend(failed);
        self.remember(plan, &touched).await;
        is_done
    }

    /// Of these tenants, this is what may not have ended, and has to. Grants are told by their owners.
    fn note_ending(&mut self, touched: &BTreeSet<TenantId>, ending: Ending) {
        let before = touched.iter().filter_map(|id| self.ending.remove(id));
        for grants in before.collect::<Vec<_>>().iter().chain(ending.values()) {
            let Some(grants) = grants else {
                self.untold = Untold::everything();
                continue;
            };
            for grant in grants {
                self.tell_of_grant(grant);
            }
        }
        self.ending.extend(ending);
    }

    fn tell_of_grant(&mut self, grant: &str) {
        if let Some((namespace, _)) = grant.split_once('/') {
            self.untold.namespace(namespace);
        }
    }

    /// One entry a grant: all its readers together, when the last of them was verified.
    fn note_revoked(&mut self, revoked: Revoked) {
        self.tell_of_grant(&revoked.grant);
        let before = self.revoked.remove(&revoked.grant);
        let together =
            before.filter(|before| revoked.at_ms.saturating_sub(before.at_ms) < TOGETHER_MS);
        let purged = together.map_or(0, |before| before.purged) + revoked.purged;
        let entry = Revoked { purged, ..revoked };
        self.revoked.insert(entry.grant.clone(), entry);
    }

    /// What runs now: what was planned, where nothing failed; what is read, where something did.
    async fn remember(&mut self, plan: &Plan, touched: &BTreeSet<TenantId>) {
        let is_settled = !touched.iter().any(|id| self.failed.contains_key(id));
        let read = match (&self.broker, is_settled) {
            (Some(broker), false) => broker.incumbents().await.ok(),
            _ => None,
        };
        if let Some(read) = read {
            let programs = read.into_values().flat_map(BTreeMap::into_values);
            self.incumbents = programs.collect();
            return;
        }
        self.incumbents
            .retain(|program| !touched.contains(&program.tenant_id));
        let tenants = plan.tenants.values();
        let planned = tenants.filter(|tenant| touched.contains(&tenant.id));
        let programs = planned.flat_map(|tenant| tenant.programs.values());
        self.incumbents.extend(programs.cloned());
    }

    /// Kubernetes follows the plan.
    async fn in_kubernetes(&mut self, plan: &Plan) -> bool {
        if self.broker.is_none() {
            // What runs is to be seen in NATS alone. Until it was, a flow that is broken seems not to run.
            return true;
        }
        let pods = self.autoscale.follow(plan, &self.index);
        let changed = self.desired.follow(plan, &pods);
        let mut places = std::mem::replace(&mut self.differing, Where::nowhere());
        for namespace in &changed {
            places.add(namespace);
        }
        let mut actions = Vec::new();
        let mut written = BTreeMap::new();
        for (name, tenant) in &plan.tenants {
            for workload in &tenant.workloads {
                let namespace = &workload.namespace;
                // The same keys give the same text, and to sign it takes longer than all the rest.
                if self.credentials.get(namespace) == Some(&tenant.id) {
                    continue;
                }
                let credentials = |role| self.keys.value.credentials(&tenant.id, role);
                let (Ok(runtime), Ok(support)) = (credentials("runtime"), credentials("support"))
                else {
                    continue;
                };
                let credentials = Credentials { runtime, support };
                let secrets = objects::secrets(name, tenant, namespace, &credentials, &self.config);
                actions.extend(secrets.map(|(key, secret)| Action::Apply(key, secret)));
                written.insert(namespace.clone(), tenant.id.clone());
            }
        }
        let desired = self.desired.objects(&self.config, &places);
        for action in reconcile(desired, &self.index, &places) {
            // Secrets are not watched; they go just before the account that they belong to.
            if let Action::Delete { key, .. } = &action
                && key.kind == Kind::ServiceAccount
            {
                actions.extend([RUNTIME, SUPPORT].map(|name| Action::Delete {
                    key: Key::new(Kind::Secret, &key.namespace, name),
                    seen: None,
                }));
            }
            actions.push(action);
        }
        // What is made, in the order of kinds, the Secrets in their place; then what goes.
        let rank = |action: &Action| match action {
            Action::Apply(key, _) => Kind::MADE.iter().position(|kind| *kind == key.kind),
            Action::Delete { .. } => None,
        };
        actions.sort_by_key(|action| rank(action).unwrap_or(Kind::MADE.len()));
        let tenants = plan.tenants.values();
        let running: BTreeSet<&str> = tenants
            .clone()
            .flat_map(|tenant| &tenant.workloads)
            .map(|workload| workload.namespace.as_str())
            .collect();
        let limited = tenants.clone().filter_map(|tenant| tenant.compute.as_ref());
        let reading = tenants.filter_map(|tenant| tenant.offers.as_ref());
        let all = limited
            .map(|compute| &compute.namespaces)
            .chain(reading.map(|offers| &offers.namespaces));
        let all = all.flatten().map(String::as_str);
        let namespaces = all.chain(running.iter().copied()).collect();
        let failed = self.writer.carry_out(actions, &namespaces).await;
        self.credentials
            .retain(|namespace, _| running.contains(namespace.as_str()));
        for key in std::mem::take(&mut self.refused).into_keys() {
            self.tell_of(&key);
        }
        for error in &failed {
            tracing::warn!(event = "write_failed", %error);
            let key = error.key();
            self.differing.add(&key.namespace);
            if key.kind == Kind::Secret {
                written.remove(&*key.namespace);
            }
            self.tell_of(key);
            self.refused.insert(key.clone(), error.to_string());
        }
        self.credentials.extend(written);
        failed.is_empty()
    }

    /// What is in the way of a write is told where it was asked for: in the namespace, or by its Tenant.
    fn tell_of(&mut self, key: &Key) {
        self.untold.object(Some(key));
        let owner = self.inventory.value.namespaces.get(&*key.namespace);
        let owner = owner.map(|owner| TenantId::of(&owner.tenant));
        self.untold.tenants(owner);
    }

    /// Doubled at each failure in a row.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = AGAIN * 2_u32.saturating_pow(self.attempts.min(6));
        self.attempts += 1;
        pause.min(AGAIN_AT_MOST)
    }
}

fn by_tenant(failed: Vec<Failure>) -> BTreeMap<TenantId, Failure> {
    failed
        .into_iter()
        .map(|failure| (failure.tenant.clone(), failure))
        .collect()
}
