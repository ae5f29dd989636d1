//! What stands before everything else, whatever the kind: deletion, mistakes, references.

use vrsky_compiler::codes::{Cause, cause};
use vrsky_compiler::{Diagnostic, Severity};
use vrsky_crds::status::Status;

use super::facts::{Facts, Tenancy};
use super::row::{Progress, Row, Why};
use super::{diagnostics, reason};

/// The row of an object that does not come as far as the plan. `left` are what its deletion counts.
pub(super) fn row(facts: &Facts<'_>, previous: &Status, left: &str) -> Option<Row> {
    deleting(facts, previous, left)
        .or_else(|| rejected(facts))
        .or_else(|| unresolved(facts))
        .or_else(|| held(facts))
}

/// It is being deleted.
pub(super) fn deleting(facts: &Facts<'_>, previous: &Status, left: &str) -> Option<Row> {
    let deleting = facts.deleting?;
    let mut message = match deleting.left {
        Some(count) => format!("being deleted: {count} {left} left"),
        None => "being deleted".to_owned(),
    };
    if let Some(until) = deleting.until {
        message = format!("{message}; it goes at {until:.0} at the latest");
    }
    let why = Why::new(reason::DRAINING, message);
    Some(Row::deleting(facts.generation, why, &previous.conditions))
}

/// Its own text is wrong.
pub(super) fn rejected(facts: &Facts<'_>) -> Option<Row> {
    let mistakes = about(facts, Cause::Manifest);
    let summary = diagnostics::summary(&mistakes);
    (!mistakes.is_empty())
        .then(|| Row::rejected(facts.generation, Why::new(reason::COMPILE_ERROR, summary)))
}

/// What it refers to is not there, or not allowed.
fn unresolved(facts: &Facts<'_>) -> Option<Row> {
    let why = tenancy(facts).or_else(|| {
        let causes = [
            (Cause::Namespace, reason::NAMESPACE_UNBOUND),
            (Cause::GrantRevoked, reason::GRANT_REVOKED),
            (Cause::GrantExpired, reason::GRANT_EXPIRED),
            (Cause::Quota, reason::QUOTA_EXCEEDED),
            (Cause::Reference, reason::REF_NOT_PERMITTED),
        ];
        causes.into_iter().find_map(|(cause, reason)| {
            let errors = about(facts, cause);
            (!errors.is_empty()).then(|| Why::new(reason, diagnostics::summary(&errors)))
        })
    })?;
    // Whoever revokes does not mean to give back: that is no matter of patience.
    let progress = if [reason::GRANT_REVOKED, reason::GRANT_EXPIRED].contains(&&*why.reason) {
        Progress::Stalled(why.clone())
    } else {
        Progress::Reconciling(why.clone())
    };
    Some(Row::unresolved(facts.generation, &why, progress))
}

fn tenancy(facts: &Facts<'_>) -> Option<Why> {
    let namespace = facts.namespace;
    match facts.tenancy {
        Tenancy::Bound => None,
        Tenancy::Unbound => Some(Why::new(
            reason::NAMESPACE_UNBOUND,
            format!(
                "the namespace `{namespace}` belongs to no tenant: ask the platform's administrators to list it in a Tenant"
            ),
        )),
        Tenancy::Replaced => Some(Why::new(
            reason::NAMESPACE_REPLACED,
            format!(
                "the namespace `{namespace}` is another one than the one that was bound, which was deleted: ask the platform's administrators to bind it again"
            ),
        )),
        Tenancy::Suspended => Some(Why::new(
            reason::TENANT_SUSPENDED,
            "the tenant is suspended: ask the platform's administrators",
        )),
    }
}

/// Nothing is wrong with it, but the plan holds what it said before.
fn held(facts: &Facts<'_>) -> Option<Row> {
    let generation = facts.generation;
    if !facts.held {
        return None;
    }
    if facts.paused {
        let why = Why::new(
            reason::PAUSED,
            "the change waits while the annotation vrsky.io/reconcile: disabled stands on the object",
        );
        return Some(Row::withheld(
            generation,
            why.clone(),
            Progress::Stalled(why),
        ));
    }
    let why = Why::new(
        reason::REF_INVALID,
        format!(
            "something that it refers to has mistakes of its own: kubectl get vrsky -n {} shows which",
            facts.namespace
        ),
    );
    let progress = Progress::Reconciling(why.clone());
    Some(Row::unresolved(generation, &why, progress))
}

fn about<'a>(facts: &Facts<'a>, wanted: Cause) -> Vec<&'a Diagnostic> {
    let errors = facts.diagnostics.iter().copied();
    errors
        .filter(|one| one.severity != Severity::Warning && cause(one.code) == wanted)
        .collect()
}
