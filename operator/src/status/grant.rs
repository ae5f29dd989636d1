//! The status of a Grant.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use vrsky_crds::status::{Revocation, Status};

use super::facts::{Apply, End, GrantFacts};
use super::row::{Progress, Row, Said, Why, find, whole_seconds};
use super::{finish, gate, reason};

/// The status of a Grant. One that has ended as it says is ready: that is what was asked for.
pub fn grant(facts: &GrantFacts<'_>, previous: &Status, now: Timestamp) -> Status {
    let row = row(facts, previous);
    let mut status = finish(row, &facts.object, previous, now);
    status.readers = Some(i32::try_from(facts.readers).unwrap_or(i32::MAX));
    status.revocation = facts.end.and_then(|_| audit(facts, previous));
    status
}

fn row(facts: &GrantFacts<'_>, previous: &Status) -> Row {
    let object = &facts.object;
    let generation = object.generation;
    let Some(end) = facts.end else {
        return gate::row(object, previous, "readers").unwrap_or_else(|| {
            let message = match facts.readers {
                0 => "it stands; nobody reads by it yet",
                _ => "it stands, and is read by",
            };
            let row = Row::carried_out(generation, object.apply, Why::new(reason::READY, message));
            // Later changes of a publisher lose no reader: only what becomes ready waits for them.
            let was_ready = find(&previous.conditions, "Ready").is_some_and(|ready| {
                ready.status == "True" && ready.observed_generation == Some(generation)
            });
            if row.ready.is_true() && facts.publishers_behind && !was_ready {
                let message = "flows that publish to its topic are being told of its readers";
                let why = Why::new(reason::PROGRESSING, message);
                return Row::withheld(generation, why.clone(), Progress::Reconciling(why));
            }
            row
        });
    };
    // It ends whatever else is wrong with it, and whatever it names.
    let revoked = (object.apply == Apply::Done).then(|| Said::yes(generation, ended(end)));
    let row = gate::deleting(object, previous, "readers")
        .or_else(|| gate::rejected(object))
        .unwrap_or_else(|| {
            let mut row = Row::carried_out(generation, object.apply, ended(end));
            if revoked.is_none() {
                let still = "Readers may still receive messages";
                let why = Why::new(reason::REVOKING, &row.ready.why.message).and(still);
                row.ready = Said::no(generation, why);
            }
            row
        });
    row.with("Revoked", revoked)
}

fn ended(end: End) -> Why {
    match end {
        End::Revoked => Why::new(
            reason::REVOKED,
            "revoked: nothing published since reaches a reader",
        ),
        End::Expired => Why::new(
            reason::EXPIRED,
            "expired: nothing published since reaches a reader; give it a later end to renew it",
        ),
    }
}

/// The entry is kept when the operator has forgotten it.
fn audit(facts: &GrantFacts<'_>, previous: &Status) -> Option<Revocation> {
    let noted = facts.revocation.map(|revocation| Revocation {
        at: Time(whole_seconds(revocation.at)),
        messages_removed: i64::try_from(revocation.messages_removed).unwrap_or(i64::MAX),
    });
    noted.or_else(|| previous.revocation.clone())
}
