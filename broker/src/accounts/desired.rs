//! What each account should be.

use std::collections::BTreeMap;

use serde_json::Value;
use vrsky_plan::platform::{LEASES, PROGRAMS};
use vrsky_plan::tenant::Limits;
use vrsky_plan::{ConsumerName, StreamName, Tenant, TenantId};

use crate::jwt::{Account, Export, Import, Kind, Role};
use crate::{Error, Keys};

const UNLIMITED: Limits = Limits {
    disk_storage: -1,
    memory_storage: -1,
    streams: -1,
    consumers: -1,
    connections: -1,
    payload: -1,
};

/// The system account: no storage, nothing shared.
pub(crate) fn system(keys: &Keys) -> Result<Account, Error> {
    Ok(Account {
        name: "system".to_owned(),
        subject: keys.system.public()?,
        limits: UNLIMITED,
        jetstream: false,
        exports: Vec::new(),
        imports: Vec::new(),
        roles: Vec::new(),
    })
}

/// The platform account. Its exports are made once, whoever the tenants are.
pub(crate) fn platform(keys: &Keys) -> Result<Account, Error> {
    Ok(Account {
        name: "platform".to_owned(),
        subject: keys.platform.public()?,
        limits: UNLIMITED,
        jetstream: true,
        exports: vec![
            exported(Kind::Stream, format!("$KV.{PROGRAMS}.>")),
            exported(
                Kind::Service,
                format!("$JS.API.DIRECT.GET.KV_{PROGRAMS}.$KV.{PROGRAMS}.>"),
            ),
            exported(Kind::Service, format!("$KV.{LEASES}.>")),
            exported(
                Kind::Service,
                format!("$JS.API.DIRECT.GET.KV_{LEASES}.$KV.{LEASES}.>"),
            ),
            exported(Kind::Service, "reports.>".to_owned()),
        ],
        imports: Vec::new(),
        roles: Vec::new(),
    })
}

/// A tenant's account as the plan has it. `owners` are the public keys of the tenants it reads from.
pub(crate) fn tenant(keys: &Keys, tenant: &Tenant, name: &str) -> Result<Account, Error> {
    let own = keys.tenant(&tenant.id)?;
    let mut roles = Vec::new();
    for (role, permissions) in &tenant.roles {
        let role_keys = own.roles.get(role).ok_or_else(|| Error::NoKeys {
            tenant: tenant.id.clone(),
            role: role.clone(),
        })?;
        roles.push(Role {
            name: role.clone(),
            key: role_keys.signing.public()?,
            permissions: permissions.clone(),
        });
    }
    let mut imports = platform_imports(&keys.platform.public()?, &tenant.id);
    let mut owners: BTreeMap<&TenantId, String> = BTreeMap::new();
    for import in &tenant.imports {
        if !owners.contains_key(&import.owner_id) {
            let owner = keys.tenant(&import.owner_id)?.account.public()?;
            owners.insert(&import.owner_id, owner);
        }
        let owner = &owners[&import.owner_id];
        imports.extend(grant_imports(owner, &import.stream, &import.consumer));
    }
    let mut limits = tenant.limits.clone();
    if limits.connections >= 0 {
        // One more: the broker's own connection must never find the account full.
        limits.connections += 1;
    }
    Ok(Account {
        name: name.to_owned(),
        subject: own.account.public()?,
        limits,
        jetstream: true,
        exports: sharing_exports(),
        imports,
        roles,
    })
}

/// The account of a tenant that is gone: no connection, next to no storage. Storage is not taken
/// away altogether, since a cluster does not wake streams whose account got it back.
pub(crate) fn closed(keys: &Keys, tenant: &TenantId) -> Result<Account, Error> {
    let own = keys.tenant(tenant)?;
    Ok(Account {
        name: own.name.to_string(),
        subject: own.account.public()?,
        limits: Limits {
            disk_storage: 1,
            memory_storage: 1,
            streams: 1,
            consumers: 1,
            connections: 0,
            payload: 1,
        },
        jetstream: true,
        exports: Vec::new(),
        imports: Vec::new(),
        roles: Vec::new(),
    })
}

/// True if these claims are of a closed account.
pub(crate) fn is_closed(claims: &Value) -> bool {
    claims["nats"]["limits"]["conn"].as_i64().unwrap_or(0) == 0
}

/// Takes out of an account's claims what came with one import. True if there was anything.
pub(crate) fn without_import(claims: &mut Value, consumer: &ConsumerName) -> bool {
    let Some(imports) = claims["nats"]["imports"].as_array_mut() else {
        return false;
    };
    let before = imports.len();
    imports.retain(|import| {
        !import["subject"]
            .as_str()
            .is_some_and(|subject| subject.split('.').any(|token| token == consumer.as_str()))
    });
    imports.len() != before
}

/// What every tenant offers, once and for ever, whatever the grants are: a push of an owner's
/// account stalls all that is read from it for seconds.
fn sharing_exports() -> Vec<Export> {
    vec![
        exported(Kind::Service, "$JS.API.CONSUMER.RESET.*.*".to_owned()),
        exported(Kind::Service, "$JS.FC.*.*.>".to_owned()),
        exported(Kind::Stream, "deliver.>".to_owned()),
    ]
}

/// The tenant's own part of the platform account, under the same subjects.
fn platform_imports(platform: &str, tenant: &TenantId) -> Vec<Import> {
    let imported = |kind, subject| Import {
        subject,
        account: platform.to_owned(),
        local: None,
        kind,
    };
    vec![
        imported(Kind::Stream, format!("$KV.{PROGRAMS}.{tenant}.>")),
        imported(
            Kind::Service,
            format!("$JS.API.DIRECT.GET.KV_{PROGRAMS}.$KV.{PROGRAMS}.{tenant}.>"),
        ),
        imported(Kind::Service, format!("$KV.{LEASES}.{tenant}.>")),
        imported(
            Kind::Service,
            format!("$JS.API.DIRECT.GET.KV_{LEASES}.$KV.{LEASES}.{tenant}.>"),
        ),
        imported(Kind::Service, format!("reports.{tenant}.>")),
    ]
}

/// What a reader's stream needs to be sourced from one consumer of the owner's.
fn grant_imports(owner: &str, stream: &StreamName, consumer: &ConsumerName) -> [Import; 3] {
    let reset = format!("$JS.API.CONSUMER.RESET.{stream}.{consumer}");
    [
        Import {
            local: Some(format!(
                "grant.{consumer}.API.CONSUMER.RESET.{stream}.{consumer}"
            )),
            subject: reset,
            account: owner.to_owned(),
            kind: Kind::Service,
        },
        Import {
            subject: format!("$JS.FC.{stream}.{consumer}.>"),
            account: owner.to_owned(),
            local: None,
            kind: Kind::Service,
        },
        Import {
            subject: format!("deliver.{consumer}"),
            account: owner.to_owned(),
            local: None,
            kind: Kind::Stream,
        },
    ]
}

fn exported(kind: Kind, subject: String) -> Export {
    Export { subject, kind }
}
