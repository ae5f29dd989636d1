//! Names in flows become the things that they name.

mod connection;

pub(crate) use connection::{Connection, Side, connect, own};

use vrsky_plan::TenantName;

use crate::check::{self, Issue};
use crate::path::Path;
use crate::signature::{Flow, Grant, Signatures, State, Topic};
use crate::{Severity, World};

/// A topic that a flow reads.
pub(crate) struct Read<'a> {
    pub(crate) owner: TenantName,
    pub(crate) name: String,
    pub(crate) topic: &'a Topic,
    /// By which it is read, where it is another tenant's.
    pub(crate) grant: Option<&'a Grant>,
}

/// Splits `tenant/name`; a bare name is the tenant's own.
pub(crate) fn split<'a>(tenant: &'a TenantName, reference: &'a str) -> (&'a str, &'a str) {
    reference
        .split_once('/')
        .unwrap_or((tenant.as_str(), reference))
}

/// The topic that a source names.
pub(crate) fn read<'a>(
    world: &World,
    signatures: &'a Signatures,
    flow: &Flow,
    reference: &str,
) -> Result<Read<'a>, Box<Issue>> {
    let path = Path::of("spec.source.topic");
    let (owner, name) = split(&flow.tenant, reference);
    if owner == flow.tenant.as_str() {
        let topic = own_topic(signatures, &flow.tenant, name, &path)?;
        return Ok(Read {
            owner: flow.tenant.clone(),
            name: name.to_owned(),
            topic,
            grant: None,
        });
    }
    let owner_name = TenantName::new(owner).ok();
    let grant = owner_name
        .as_ref()
        .and_then(|owner| signatures.grant(owner, name, &flow.tenant));
    let topic = owner_name
        .as_ref()
        .and_then(|owner| signatures.topics.get(&(owner.clone(), name.to_owned())));
    if let (Some(owner), Some(grant), Some(topic)) = (&owner_name, grant, topic) {
        return match grant.state {
            State::Expired => Err(Box::new(check::expired_grant::issue(
                reference,
                grant.until.as_deref().unwrap_or_default(),
            ))),
            State::Revoked => Err(Box::new(check::revoked_grant::issue(reference))),
            State::Valid | State::Broken => Ok(Read {
                owner: owner.clone(),
                name: name.to_owned(),
                topic,
                grant: Some(grant),
            }),
        };
    }
    let elsewhere = match (&world.repository, &owner_name) {
        (Some(repository), Some(owner)) => !repository.tenants.contains(owner),
        _ => false,
    };
    let severity = if elsewhere {
        Severity::Unverifiable
    } else {
        Severity::Error
    };
    let granted: Vec<String> = signatures
        .given_to(&flow.tenant)
        .map(|grant| format!("{}/{}", grant.owner, grant.topic))
        .collect();
    let granted = granted.iter().map(String::as_str);
    Err(Box::new(check::missing_grant::issue(
        reference,
        flow.tenant.as_str(),
        severity,
        granted,
    )))
}

/// The topic that a sink names.
pub(crate) fn write<'a>(
    signatures: &'a Signatures,
    tenant: &TenantName,
    reference: &str,
    path: &Path,
) -> Result<(String, &'a Topic), Box<Issue>> {
    let (owner, name) = split(tenant, reference);
    if owner != tenant.as_str() {
        return Err(Box::new(check::foreign_write::issue(path)));
    }
    Ok((name.to_owned(), own_topic(signatures, tenant, name, path)?))
}

fn own_topic<'a>(
    signatures: &'a Signatures,
    tenant: &TenantName,
    name: &str,
    path: &Path,
) -> Result<&'a Topic, Box<Issue>> {
    signatures
        .topics
        .get(&(tenant.clone(), name.to_owned()))
        .ok_or_else(|| {
            let known = signatures
                .topics
                .keys()
                .filter(|(owner, _)| owner == tenant)
                .map(|(_, name)| name.as_str());
            Box::new(check::unknown_topic::issue(path, name, known))
        })
}
