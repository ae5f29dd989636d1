//! The secrets of one installation: who may sign what.
//!
//! Kept by the caller (a file of mode 0600 in development, a Secret in the operator's namespace in
//! a cluster). Losing them means a new installation; nothing here is ever printed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use nkeys::KeyPair;
use serde::{Deserialize, Serialize};
use vrsky_plan::{Plan, TenantId, TenantName};

use crate::{Error, jwt};

/// The keys of the operator, the two accounts of the platform, and every tenant that ever was.
///
/// A tenant that is gone from the plan keeps its keys: its account stays closed under them, and
/// opens again if the same tenant comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Keys {
    /// Signs accounts.
    pub(crate) operator: Seed,
    /// The system account.
    pub(crate) system: Seed,
    /// The platform account: programs, leases, reports.
    pub(crate) platform: Seed,
    /// When they were made, in seconds since 1970: the time of issue of what never changes.
    pub(crate) created: u64,
    /// Per tenant.
    pub(crate) tenants: BTreeMap<TenantId, TenantKeys>,
}

/// One tenant's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TenantKeys {
    /// The tenant's name.
    pub(crate) name: TenantName,
    /// The account.
    pub(crate) account: Seed,
    /// When they were made, in seconds since 1970.
    pub(crate) created: u64,
    /// Per role.
    pub(crate) roles: BTreeMap<String, RoleKeys>,
}

/// One role's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RoleKeys {
    /// Signs users of this role; the account's token says what they may do.
    pub(crate) signing: Seed,
    /// The role's one user.
    pub(crate) user: Seed,
}

/// The private half of a key. Neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(String);

impl Keys {
    /// New random keys, without tenants.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self {
            operator: Seed::of(&KeyPair::new_operator())?,
            system: Seed::of(&KeyPair::new_account())?,
            platform: Seed::of(&KeyPair::new_account())?,
            created: now_seconds(),
            tenants: BTreeMap::new(),
        })
    }

    /// Makes the keys that `plan` needs and that are not there yet. True if there were any: store
    /// the keys before applying the plan, or an account is left that nobody can sign for.
    pub fn provide(&mut self, plan: &Plan) -> Result<bool, Error> {
        let mut changed = false;
        for (name, tenant) in &plan.tenants {
            if !self.tenants.contains_key(&tenant.id) {
                let keys = TenantKeys {
                    name: name.clone(),
                    account: Seed::of(&KeyPair::new_account())?,
                    created: now_seconds(),
                    roles: BTreeMap::new(),
                };
                self.tenants.insert(tenant.id.clone(), keys);
                changed = true;
            }
            let Some(keys) = self.tenants.get_mut(&tenant.id) else {
                continue;
            };
            for role in tenant.roles.keys() {
                if !keys.roles.contains_key(role) {
                    let pair = RoleKeys {
                        signing: Seed::of(&KeyPair::new_account())?,
                        user: Seed::of(&KeyPair::new_user())?,
                    };
                    keys.roles.insert(role.clone(), pair);
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// The text of a `.creds` file for one role of one tenant. The same keys give the same text.
    /// The user's name is `<role>-<tenant id>`; its inbox prefix is `_INBOX_<name>`.
    pub fn credentials(&self, tenant: &TenantId, role: &str) -> Result<String, Error> {
        let keys = self.tenant(tenant)?;
        let role_keys = keys.roles.get(role).ok_or_else(|| Error::NoKeys {
            tenant: tenant.clone(),
            role: role.to_owned(),
        })?;
        let user = jwt::ScopedUser {
            name: user_name(tenant, role),
            subject: role_keys.user.public()?,
            account: keys.account.public()?,
        };
        let token = jwt::sign(&user.claims(), keys.created, &role_keys.signing.pair()?)?;
        Ok(credentials_text(&token, &role_keys.user))
    }

    /// The ids of all tenants that have keys, those that are gone from the plan included.
    pub fn tenant_ids(&self) -> impl Iterator<Item = &TenantId> {
        self.tenants.keys()
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) -> Result<&TenantKeys, Error> {
        self.tenants.get(tenant).ok_or_else(|| Error::NoKeys {
            tenant: tenant.clone(),
            role: "account".to_owned(),
        })
    }
}

/// `<role>-<tenant id>`: the name of a role's user.
pub fn user_name(tenant: &TenantId, role: &str) -> String {
    format!("{role}-{tenant}")
}

impl Seed {
    pub(crate) fn of(pair: &KeyPair) -> Result<Self, Error> {
        Ok(Self(pair.seed()?))
    }

    pub(crate) fn pair(&self) -> Result<KeyPair, Error> {
        Ok(KeyPair::from_seed(&self.0)?)
    }

    pub(crate) fn public(&self) -> Result<String, Error> {
        Ok(self.pair()?.public_key())
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seed(hidden)")
    }
}

/// A `.creds` file in the form that every NATS client reads.
pub(crate) fn credentials_text(token: &str, user: &Seed) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.0
    )
}

pub(crate) fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

pub(crate) fn now_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
