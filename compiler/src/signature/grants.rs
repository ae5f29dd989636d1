//! Grants, and whether they stand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vrsky_crds::GrantSpec;
use vrsky_crds::grant::{Onward, Revocation};
use vrsky_plan::TenantName;
use vrsky_plan::program::Target;

use super::{Signatures, owned};
use crate::check;
use crate::kinds::Kind;
use crate::object::{Object, Spec};
use crate::path::Path;
use crate::report::Reports;
use crate::{Severity, World};

/// A grant as both sides see it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) object: usize,
    pub(crate) owner: TenantName,
    pub(crate) to: TenantName,
    pub(crate) topic: String,
    pub(crate) state: State,
    pub(crate) onward: Onward,
    pub(crate) revocation: Revocation,
    pub(crate) expires: Option<Timestamp>,
    /// As it is written.
    pub(crate) until: Option<String>,
}

/// Whether a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It stands.
    Valid,
    /// Its end has passed.
    Expired,
    /// Its owner has ended it.
    Revoked,
    /// Something is wrong with it, which its owner was told. To the reader it does not exist.
    Broken,
}

impl Signatures {
    /// The grant by which `reader` may read a topic; of several the one that stands, and lasts.
    pub(crate) fn grant(
        &self,
        owner: &TenantName,
        topic: &str,
        reader: &TenantName,
    ) -> Option<&Grant> {
        self.grants_of(owner, topic)
            .filter(|grant| grant.to == *reader && grant.state != State::Broken)
            .min_by_key(|grant| {
                let lasts = grant
                    .expires
                    .map_or(i64::MIN, |expires| -expires.as_second());
                (grant.state, lasts, grant.object)
            })
    }

    /// The grants that stand, of one topic.
    pub(crate) fn readers(&self, owner: &TenantName, topic: &str) -> impl Iterator<Item = &Grant> {
        self.grants_of(owner, topic)
            .filter(|grant| grant.state == State::Valid)
    }

    /// All grants of one topic.
    fn grants_of(&self, owner: &TenantName, topic: &str) -> impl Iterator<Item = &Grant> {
        let places = self.grants_of.get(&(owner.clone(), topic.to_owned()));
        places
            .into_iter()
            .flatten()
            .filter_map(|place| self.grants.get(*place))
    }

    /// The grants that stand, given to one tenant.
    pub(crate) fn given_to<'a>(
        &'a self,
        reader: &'a TenantName,
    ) -> impl Iterator<Item = &'a Grant> {
        self.grants
            .iter()
            .filter(move |grant| grant.state == State::Valid && grant.to == *reader)
    }
}

/// Collects the grants; those of topics that are shared already come first under the quota.
pub(super) fn collect(
    world: &World,
    objects: &[Object],
    signatures: &mut Signatures,
    reports: &mut Reports,
) {
    let mut names: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut found: Vec<Grant> = Vec::new();
    for (index, object, owner) in owned(objects, Kind::Grant) {
        let key = (object.namespace.as_str(), object.name.as_str());
        if let Some(other) = names.get(&key) {
            let issue = check::duplicate_name::issue("Grant", &object.full_name(), *other);
            reports.add(objects, index, issue);
            continue;
        }
        names.insert(key, index);
        if let Some(Spec::Grant(spec)) = object.spec.as_deref()
            && let Ok(to) = TenantName::new(spec.to.tenant.clone())
        {
            found.push(grant(world, index, owner, to, spec, object.stopped));
        } else if let Some(Spec::Grant(spec)) = object.spec.as_deref() {
            let issue = check::invalid_name::issue(
                &Path::of("spec.to.tenant"),
                check::At::Value,
                &spec.to.tenant,
                40,
            );
            reports.add(objects, index, issue);
        }
    }
    quotas(world, objects, signatures, &mut found, reports);
    let known = shared(&found);
    for grant in &mut found {
        verify(world, objects, signatures, &known, grant, reports);
    }
    for (place, grant) in found.iter().enumerate() {
        let key = (grant.owner.clone(), grant.topic.clone());
        signatures.grants_of.entry(key).or_default().push(place);
    }
    signatures.grants = found;
}

fn grant(
    world: &World,
    object: usize,
    owner: &TenantName,
    to: TenantName,
    spec: &GrantSpec,
    stopped: bool,
) -> Grant {
    let expires = spec
        .expires
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let state = if spec.revoked || stopped {
        State::Revoked
    } else if expires.is_some_and(|expires| expires <= world.now) {
        State::Expired
    } else {
        State::Valid
    };
    Grant {
        object,
        owner: owner.clone(),
        to,
        topic: spec.topic.clone(),
        state,
        onward: spec.onward,
        revocation: spec.revocation,
        expires,
        until: spec.expires.clone(),
    }
}

/// Who shares anything with whom: (owner, reader).
fn shared(grants: &[Grant]) -> BTreeSet<(TenantName, TenantName)> {
    grants
        .iter()
        .filter(|grant| grant.state == State::Valid)
        .map(|grant| (grant.owner.clone(), grant.to.clone()))
        .collect()
}

fn verify(
    world: &World,
    objects: &[Object],
    signatures: &Signatures,
    shared: &BTreeSet<(TenantName, TenantName)>,
    grant: &mut Grant,
    reports: &mut Reports,
) {
    if grant.to == grant.owner {
        reports.add(
            objects,
            grant.object,
            check::grant_to_self::issue(grant.owner.as_str()),
        );
        grant.state = State::Broken;
        return;
    }
    if !signatures.tenants.contains_key(&grant.to) {
        let severity = match &world.repository {
            Some(repository) if !repository.tenants.contains(&grant.to) => Severity::Unverifiable,
            _ => Severity::Error,
        };
        let known = shared
            .iter()
            .filter(|(_, reader)| *reader == grant.owner)
            .map(|(owner, _)| owner.as_str());
        let issue = check::unknown_tenant::issue(grant.to.as_str(), severity, known);
        reports.add(objects, grant.object, issue);
        if severity == Severity::Error {
            grant.state = State::Broken;
        }
    }
    if !signatures
        .topics
        .contains_key(&(grant.owner.clone(), grant.topic.clone()))
    {
        let known = signatures
            .topics
            .keys()
            .filter(|(owner, _)| *owner == grant.owner)
            .map(|(_, name)| name.as_str());
        let issue = check::unknown_topic::issue(&Path::of("spec.topic"), &grant.topic, known);
        reports.add(objects, grant.object, issue);
        grant.state = State::Broken;
    }
    if grant.state == State::Expired {
        let issue = check::expired_grant::at_owner(grant.until.as_deref().unwrap_or_default());
        reports.add(objects, grant.object, issue);
    }
}

fn quotas(
    world: &World,
    objects: &[Object],
    signatures: &Signatures,
    grants: &mut [Grant],
    reports: &mut Reports,
) {
    let running: BTreeSet<(&str, &str)> = world
        .incumbents
        .as_slice()
        .iter()
        .flat_map(|program| {
            let outputs = program
                .stages
                .values()
                .flat_map(|stage| stage.outputs.values());
            outputs.filter_map(|output| match &output.target {
                Target::Topic { topic, publish, .. } => {
                    let shared = publish
                        .iter()
                        .any(|subject| subject.as_str().starts_with("x."));
                    shared.then_some((program.tenant.as_str(), topic.as_str()))
                }
                _ => None,
            })
        })
        .collect();
    let mut counts: BTreeMap<TenantName, u32> = BTreeMap::new();
    for incumbents in [true, false] {
        for grant in &mut *grants {
            let runs = running.contains(&(grant.owner.as_str(), grant.topic.as_str()));
            if runs != incumbents || grant.state != State::Valid {
                continue;
            }
            let count = counts.entry(grant.owner.clone()).or_default();
            *count += 1;
            let most = signatures
                .tenants
                .get(&grant.owner)
                .map_or(0, |tenant| tenant.grants);
            if *count > most && !runs {
                reports.add(objects, grant.object, check::quota::issue("grants", most));
                grant.state = State::Broken;
            }
        }
    }
}
