//! Makes the broker follow a plan, in the order that loses nothing.
//!
//! Revocations → accounts → streams → consumers at owners → sources at readers → programs (readers
//! before publishers) → removals (publishers before readers, drained, then purged) → tenants that
//! are gone. Each tenant's part fails alone, and waits alone.

mod observe;
mod removals;

pub(crate) use removals::Draining;

use std::collections::{BTreeMap, BTreeSet};

use vrsky_plan::report::Index;
use vrsky_plan::tenant::StreamRole;
use vrsky_plan::{Import, Plan, Tenant, TenantId, TenantName, VERSION};

use self::observe::Held;
use crate::streams::Made;
use crate::{Applied, Broker, Error, Keys, Verb, accounts, grants, order, programs, streams};

/// What an apply works with, and what it has found out so far.
struct Work<'a> {
    broker: &'a Broker,
    keys: &'a Keys,
    plan: BTreeMap<&'a TenantId, (&'a TenantName, &'a Tenant)>,
    /// The tenants that are looked at; `None`: all.
    scope: Option<&'a BTreeSet<TenantId>>,
    held: BTreeMap<TenantId, Held>,
    /// Tenants whose part failed: nothing more is done for them this time.
    broken: BTreeSet<TenantId>,
    applied: Applied,
}

pub(crate) async fn apply(
    broker: &Broker,
    plan: &Plan,
    keys: &Keys,
    scope: Option<&BTreeSet<TenantId>>,
) -> Result<Applied, Error> {
    if plan.version != VERSION {
        return Err(Error::Version {
            found: plan.version,
            expected: VERSION,
        });
    }
    let tenants = plan.tenants.iter();
    let mut work = Work {
        broker,
        keys,
        plan: tenants
            .map(|(name, tenant)| (&tenant.id, (name, tenant.as_ref())))
            .collect(),
        scope,
        held: BTreeMap::new(),
        broken: BTreeSet::new(),
        applied: Applied::default(),
    };
    work.observe().await;
    work.revoke().await;
    work.delete_stray_consumers().await;
    // A server changes no stream of an account that has promised more than its limit, not even to
    // less: where the limit becomes lower, the streams come first.
    let (shrinking, others): (Vec<_>, Vec<_>) =
        work.planned().into_iter().partition(|id| work.shrinks(id));
    for id in &shrinking {
        let done = work.streams(id).await;
        work.note(id, done);
    }
    for id in work.planned() {
        let done = work.account(&id).await;
        work.note(&id, done);
    }
    for id in others {
        if !work.broken.contains(&id) {
            let done = work.streams(&id).await;
            work.note(&id, done);
        }
    }
    for id in work.planned() {
        let done = work.imports(&id).await;
        work.note(&id, done);
    }
    let held = programs::read(&broker.platform, scope).await?;
    for id in work.planned() {
        let done = work.programs(&id, held.get(&id)).await;
        work.note(&id, done);
    }
    for id in work.gone() {
        let done = work.close(&id).await;
        work.note(&id, done);
    }
    Ok(work.applied)
}

impl Work<'_> {
    fn is_in_scope(&self, id: &TenantId) -> bool {
        self.scope.is_none_or(|scope| scope.contains(id))
    }

    /// Tenants of the plan whose part has not failed.
    fn planned(&self) -> Vec<TenantId> {
        let tenants = self.plan.keys().copied();
        tenants
            .filter(|id| self.is_in_scope(id) && !self.broken.contains(*id))
            .cloned()
            .collect()
    }

    /// Tenants that the plan no longer has and that are not closed yet.
    fn gone(&self) -> Vec<TenantId> {
        let held = self.held.iter();
        held.filter(|(id, held)| !self.plan.contains_key(id) && held.open)
            .map(|(id, _)| id.clone())
            .filter(|id| !self.broken.contains(id))
            .collect()
    }

    fn note(&mut self, id: &TenantId, done: Result<(), Error>) {
        if let Err(error) = done {
            self.applied.failed(id, &error);
            self.broken.insert(id.clone());
        }
    }

    fn wanted_imports(&self, id: &TenantId) -> &[Import] {
        self.plan
            .get(id)
            .map_or(&[], |(_, tenant)| tenant.imports.as_slice())
    }

    async fn revoke(&mut self) {
        let readers: Vec<TenantId> = self.held.keys().cloned().collect();
        for reader in readers {
            let Some(transit) = &self.held[&reader].transit else {
                continue;
            };
            let remembered = grants::remembered(&transit.config, &reader);
            self.applied.remembered.extend(remembered);
            let held = grants::held(&transit.config);
            let mut ended = grants::ended(&held, self.wanted_imports(&reader));
            // Cut short the last time: finished now, even if it was given back meanwhile.
            let cut_short = grants::ending(&transit.config).into_values();
            ended.extend(cut_short.filter(|import| !held.contains_key(&import.consumer)));
            if ended.is_empty() {
                continue;
            }
            let done =
                grants::revoke(self.broker, self.keys, &reader, &ended, &mut self.applied).await;
            if done.is_err() {
                let grants = ended.into_iter().map(|import| import.grant).collect();
                self.applied.ending.insert(reader.clone(), Some(grants));
            }
            self.note(&reader, done);
            let again = observe::observe(self.broker, self.keys, &reader, true).await;
            match again {
                Ok(held) => drop(self.held.insert(reader, held)),
                Err(error) => self.note(&reader, Err(error)),
            }
        }
    }

    /// Consumers at owners that belong to no import: a crash between two writes leaves them.
    async fn delete_stray_consumers(&mut self) {
        let imports = self.plan.values().flat_map(|(_, tenant)| &tenant.imports);
        let wanted: BTreeSet<String> = imports.map(|import| import.consumer.to_string()).collect();
        let owners: Vec<TenantId> = self.held.keys().cloned().collect();
        for owner in owners {
            let consumers = self.held[&owner].consumers.clone();
            for consumer in consumers.iter().filter(|name| !wanted.contains(*name)) {
                let done = self.delete_consumer(&owner, consumer).await;
                self.note(&owner, done);
            }
        }
    }

    async fn delete_consumer(&mut self, owner: &TenantId, consumer: &str) -> Result<(), Error> {
        let api = self.broker.tenant(owner, self.keys).await?;
        if api
            .delete_consumer(owner.shared_stream().as_str(), consumer)
            .await?
        {
            self.applied.did(owner, Verb::DeleteConsumer, consumer);
        }
        Ok(())
    }

    /// Whether a tenant's streams may hold more than its account will.
    fn shrinks(&self, id: &TenantId) -> bool {
        let Some(held) = self.held.get(id) else {
            return false;
        };
        let streams = [&held.transit, &held.dead_letters, &held.shared];
        let promised: i64 = streams
            .into_iter()
            .flatten()
            .map(|info| {
                let replicas = i64::try_from(info.config.num_replicas.max(1)).unwrap_or(1);
                info.config.max_bytes * replicas
            })
            .sum();
        promised > self.plan[id].1.limits.disk_storage
    }

    async fn account(&mut self, id: &TenantId) -> Result<(), Error> {
        let (name, tenant) = self.plan[id];
        let wanted = accounts::tenant(self.keys, tenant, name.as_str())?.claims();
        let held = self.held.get(id).and_then(|held| held.claims.as_ref());
        if self.broker.resolver.make(&wanted, held).await? {
            self.applied.did(id, Verb::PushAccount, id.as_str());
        }
        Ok(())
    }

    async fn streams(&mut self, id: &TenantId) -> Result<(), Error> {
        let (_, tenant) = self.plan[id];
        let api = self.broker.tenant(id, self.keys).await?;
        for stream in &tenant.streams {
            let held = self.held.get(id).and_then(|held| match stream.role {
                StreamRole::Transit => held.transit.as_ref(),
                StreamRole::DeadLetters => held.dead_letters.as_ref(),
                StreamRole::Shared => held.shared.as_ref(),
            });
            let config = held.map(|info| info.config.clone());
            let change = |config: &mut _| streams::set_tenant_stream(config, stream);
            let verb = match streams::make(&api, config, change).await? {
                Made::Nothing => continue,
                Made::Created => Verb::CreateStream,
                Made::Updated => Verb::UpdateStream,
            };
            self.applied.did(id, verb, stream.name.as_str());
        }
        Ok(())
    }

    /// Consumers at the owners, then the sources. An owner that failed keeps its readers waiting,
    /// for its own messages only.
    async fn imports(&mut self, id: &TenantId) -> Result<(), Error> {
        let imports = self.wanted_imports(id).to_vec();
        let mut ready = Vec::new();
        for import in &imports {
            match self.import_consumer(import).await {
                Ok(()) => ready.push(import),
                Err(error) => self.applied.failed(id, &error),
            }
        }
        let api = self.broker.tenant(id, self.keys).await?;
        let transit = id.transit_stream();
        let Some(info) = api.stream(transit.as_str(), "e.none").await? else {
            return Ok(());
        };
        let change = |config: &mut _| grants::set_sources(config, &ready);
        if streams::make(&api, Some(info.config), change).await? != Made::Nothing {
            self.applied.did(id, Verb::UpdateStream, transit.as_str());
        }
        Ok(())
    }

    async fn import_consumer(&mut self, import: &Import) -> Result<(), Error> {
        let owner = &import.owner_id;
        let consumer = import.consumer.as_str();
        let known = self
            .held
            .get(owner)
            .is_some_and(|held| held.consumers.iter().any(|name| name == consumer));
        let api = self.broker.tenant(owner, self.keys).await?;
        if known && api.has_consumer(import.stream.as_str(), consumer).await? {
            return Ok(());
        }
        grants::make_consumer(&api, import).await?;
        self.applied.did(owner, Verb::CreateConsumer, consumer);
        Ok(())
    }

    async fn programs(
        &mut self,
        id: &TenantId,
        held: Option<&programs::Held>,
    ) -> Result<(), Error> {
        let (_, tenant) = self.plan[id];
        let held = &mut held.cloned().unwrap_or_default();
        let platform = &self.broker.platform;
        for flow in order::readers_first(&tenant.programs) {
            let program = &tenant.programs[&flow];
            if programs::put(platform, id, program, held).await? {
                self.applied.did(id, Verb::PutProgram, flow.to_string());
            }
        }
        let hashes = tenant.programs.iter();
        let index = Index {
            programs: hashes
                .map(|(flow, program)| (flow.clone(), program.hash.to_string()))
                .collect(),
        };
        // Publishers change first: a reader that goes can only read to the end of what has an end.
        let mut leaving = self.leaving(id, held);
        if !leaving.is_empty() {
            leaving.extend(index.programs.clone());
            let programs = leaving;
            if programs::put_index(platform, id, &Index { programs }, held).await? {
                self.applied.did(id, Verb::PutIndex, id.as_str());
            }
        }
        if !self.remove_flows(id, held).await? {
            return Ok(());
        }
        if programs::put_index(platform, id, &index, held).await? {
            self.applied.did(id, Verb::PutIndex, id.as_str());
        }
        Ok(())
    }
}
