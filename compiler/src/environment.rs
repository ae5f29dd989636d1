//! What the bodies of a tenant's flows may look at: as long as it is the same, so are they.

use std::collections::BTreeSet;
use std::sync::Arc;

use litemap::LiteMap;
use vrsky_plan::TenantName;

use crate::contract::Contract;
use crate::object::{Object, Spec};
use crate::report::Reports;
use crate::signature::{Signatures, State, Tenant};
use crate::{Repository, World};

/// What all tenants' bodies see, and what each tenant's do.
#[derive(Debug, Default)]
pub(crate) struct Environments {
    repository: Option<Repository>,
    tenants: LiteMap<TenantName, Box<Environment>>,
}

/// All that a tenant's bodies see beside themselves, but for places in texts, which only findings
/// name.
#[derive(Debug, PartialEq)]
struct Environment {
    tenant: Tenant,
    /// Own topics by name.
    topics: Vec<(String, Option<Same<Contract>>)>,
    /// Own connectors by namespace and name, and whether something is wrong with them.
    connectors: Vec<(String, String, Option<Same<Spec>>, bool)>,
    /// Topics of others by owner and name.
    granted: Vec<(TenantName, String, State, Option<Same<Contract>>)>,
}

/// The same allocation, so the same value. The other way round it may be wrong, which costs time.
#[derive(Debug)]
struct Same<T>(Arc<T>);

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Environments {
    /// The environments of all tenants.
    pub(crate) fn of(
        world: &World,
        objects: &[Object],
        signatures: &Signatures,
        reports: &Reports,
    ) -> Self {
        let tenants = signatures.tenants.iter();
        let mut environments: LiteMap<TenantName, Box<Environment>> = tenants
            .map(|(name, tenant)| {
                let environment = Environment {
                    tenant: tenant.clone(),
                    topics: Vec::new(),
                    connectors: Vec::new(),
                    granted: Vec::new(),
                };
                (name.clone(), Box::new(environment))
            })
            .collect();
        for ((owner, name), topic) in &signatures.topics {
            if let Some(environment) = environments.get_mut(owner) {
                let contract = topic.contract.clone().map(Same);
                environment.topics.push((name.clone(), contract));
            }
        }
        for ((namespace, name), object) in &signatures.connectors {
            let owner = objects[*object].tenant.as_ref();
            if let Some(environment) = owner.and_then(|owner| environments.get_mut(owner)) {
                let spec = objects[*object].spec.clone().map(Same);
                let is_withheld = reports.is_withheld(*object);
                let connector = (namespace.clone(), name.clone(), spec, is_withheld);
                environment.connectors.push(connector);
            }
        }
        for grant in &signatures.grants {
            let Some(environment) = environments.get_mut(&grant.to) else {
                continue;
            };
            let key = (grant.owner.clone(), grant.topic.clone());
            let topic = signatures.topics.get(&key);
            let contract = topic.and_then(|topic| topic.contract.clone()).map(Same);
            let (owner, topic) = key;
            environment
                .granted
                .push((owner, topic, grant.state, contract));
        }
        Self {
            repository: world.repository.clone(),
            tenants: environments,
        }
    }

    /// The tenants whose bodies see what they saw `before`.
    pub(crate) fn same(&self, before: &Self) -> BTreeSet<TenantName> {
        if self.repository != before.repository {
            return BTreeSet::new();
        }
        let same = self.tenants.iter();
        same.filter(|(name, environment)| before.tenants.get(*name) == Some(*environment))
            .map(|(name, _)| name.clone())
            .collect()
    }
}
