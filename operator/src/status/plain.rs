//! The status of what runs nothing: Tenant, Topic, Connector.

use jiff::Timestamp;
use vrsky_crds::status::Status;

use super::facts::{Apply, ConnectorFacts, Facts, TenantFacts, TopicFacts};
use super::row::{Progress, Row, Why};
use super::{finish, gate, reason};

/// The status of a Tenant.
pub fn tenant(facts: &TenantFacts<'_>, previous: &Status, now: Timestamp) -> Status {
    let row = gate::row(&facts.object, previous, "objects")
        .or_else(|| unresolved(facts))
        .unwrap_or_else(|| applied(&facts.object, facts.object.apply, "its account is there"));
    finish(row, &facts.object, previous, now)
}

/// The status of a Topic.
pub fn topic(facts: &TopicFacts<'_>, previous: &Status, now: Timestamp) -> Status {
    let object = &facts.object;
    let row = gate::row(object, previous, "objects")
        .unwrap_or_else(|| applied(object, object.apply, "flows can write and read it"));
    finish(row, object, previous, now)
}

/// The status of a Connector.
pub fn connector(facts: &ConnectorFacts<'_>, previous: &Status, now: Timestamp) -> Status {
    let object = &facts.object;
    let row = gate::row(object, previous, "objects")
        .unwrap_or_else(|| applied(object, Apply::Done, "flows can use it"));
    finish(row, object, previous, now)
}

fn applied(object: &Facts<'_>, apply: Apply<'_>, message: &str) -> Row {
    Row::carried_out(object.generation, apply, Why::new(reason::READY, message))
}

/// Namespaces that cannot be bound.
fn unresolved(facts: &TenantFacts<'_>) -> Option<Row> {
    let why = if facts.missing.is_empty() {
        let names = names(facts.replaced)?;
        let message = format!(
            "{names}: deleted and made again since it was bound, so nothing in it runs until it is bound again"
        );
        Why::new(reason::NAMESPACE_REPLACED, message)
    } else {
        let names = names(facts.missing)?;
        let message =
            format!("{names}: no such namespace; make it, or take it out of spec.namespaces");
        Why::new(reason::NAMESPACE_NOT_FOUND, message)
    };
    let progress = Progress::Reconciling(why.clone());
    Some(Row::unresolved(facts.object.generation, &why, progress))
}

fn names(namespaces: &[&str]) -> Option<String> {
    let mut sorted = namespaces.to_vec();
    sorted.sort_unstable();
    let (first, rest) = sorted.split_first()?;
    Some(match rest.len() {
        0 => format!("the namespace `{first}`"),
        more => format!("the namespace `{first}` and {more} more"),
    })
}
