//! From facts to status: the health contract of `docs/status.md`. Pure: the same facts, the same
//! previous status and the same time give the same status, and the result given back as the
//! previous one changes nothing.
//!
//! ```text
//! facts ──► gate (deletion, mistakes, references) ──► kind (what is applied, what runs) ──► Row
//! Row + previous ──► conditions
//! ```
//!
//! A status is written when it differs from the last one; it is looked at again when a fact
//! changes, a report comes, or [`next_change`] is reached.

pub mod facts;
pub mod reason;

mod diagnostics;
mod gate;
mod hearing;
mod row;
mod zero;

mod flow;
mod grant;
mod plain;

pub use diagnostics::warnings;
pub use flow::{flow, next_flow_change};
pub use grant::grant;
pub use hearing::{MAX_AGE, is_behind, runs};
pub use plain::{connector, tenant, topic};
pub use row::PATIENCE;
pub use zero::WAKES_WITHIN;

use jiff::Timestamp;
use vrsky_crds::status::Status;

use facts::{Facts, Heard};
use row::{Row, Said, Why};

/// When a status changes although no fact does: patience ends, or a report becomes too old.
pub fn next_change(status: &Status, reports: &[Heard<'_>], now: Timestamp) -> Option<Timestamp> {
    let patience = row::patience_ends(&status.conditions).filter(|end| *end > now);
    patience
        .into_iter()
        .chain(hearing::next_silence(reports, now))
        .min()
}

/// What all kinds' status has.
fn finish(row: Row, facts: &Facts<'_>, previous: &Status, now: Timestamp) -> Status {
    let paused = facts.paused.then(|| {
        let message = "the annotation vrsky.io/reconcile: disabled stands on the object: what runs goes on, and changes wait";
        Said::yes(facts.generation, Why::new(reason::PAUSED, message))
    });
    let row = row.with("Paused", paused);
    Status {
        observed_generation: facts.generation,
        conditions: row.conditions(facts.generation, &previous.conditions, now),
        diagnostics: diagnostics::listed(facts.diagnostics),
        ..Status::default()
    }
}
