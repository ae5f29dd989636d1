//! The ledger: what was accepted is an obligation, and ends in exactly one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// How a message must end.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// Delivered, with this payload.
    Delivered(Value),
    /// Dropped by a filter.
    Filtered,
    /// Published to a topic that nobody may read at that time.
    Withheld,
    /// Stored as a dead letter.
    DeadLettered,
}

/// What was sent, and what became of it.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: BTreeMap<String, Expected>,
    accepted: BTreeSet<String>,
    delivered: BTreeMap<String, Vec<Value>>,
    dead: BTreeSet<String>,
}

/// The judgement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Messages that the source took.
    pub accepted: usize,
    /// Messages that arrived.
    pub delivered: usize,
    /// Messages that a filter had to drop, and that ended nowhere else.
    pub filtered: usize,
    /// Messages that nobody was allowed to read, and that did not arrive.
    pub withheld: usize,
    /// Messages that are dead letters.
    pub dead_lettered: usize,
    /// Deliveries beyond the first of a message.
    pub duplicated: usize,
    /// Accepted, and ended in none of the ways that they had to.
    pub lost: Vec<String>,
    /// Arrived, and nobody sent them.
    pub phantom: Vec<String>,
    /// Arrived with another payload, or where a filter or an error had to stop them.
    pub wrong: Vec<String>,
}

impl Ledger {
    /// Takes note of a message before it is sent.
    pub fn send(&mut self, id: impl Into<String>, expected: Expected) {
        self.sent.insert(id.into(), expected);
    }

    /// The source said that it has it.
    pub fn accept(&mut self, id: impl Into<String>) {
        self.accepted.insert(id.into());
    }

    /// The sink got it.
    pub fn deliver(&mut self, id: impl Into<String>, payload: Value) {
        self.delivered.entry(id.into()).or_default().push(payload);
    }

    /// It is a dead letter.
    pub fn bury(&mut self, id: impl Into<String>) {
        self.dead.insert(id.into());
    }

    /// Accepted messages that must become dead letters.
    pub fn must_be_buried(&self) -> BTreeSet<String> {
        let is_poison = |id: &&String| self.sent.get(*id) == Some(&Expected::DeadLettered);
        self.accepted.iter().filter(is_poison).cloned().collect()
    }

    /// Judges. Call it when the faults have stopped and nothing moves any more.
    pub fn judge(&self) -> Verdict {
        let mut verdict = Verdict {
            accepted: self.accepted.len(),
            delivered: self.delivered.len(),
            dead_lettered: self.dead.len(),
            duplicated: self.delivered.values().map(|copies| copies.len() - 1).sum(),
            ..Verdict::default()
        };
        for id in &self.accepted {
            let is_met = match self.sent.get(id) {
                Some(Expected::Delivered(_)) => self.delivered.contains_key(id),
                Some(Expected::DeadLettered) => self.dead.contains(id),
                // That they ended nowhere else is judged below.
                Some(Expected::Filtered) => {
                    verdict.filtered += usize::from(!self.is_seen(id));
                    true
                }
                Some(Expected::Withheld) => {
                    verdict.withheld += usize::from(!self.is_seen(id));
                    true
                }
                None => true,
            };
            if !is_met {
                verdict.lost.push(id.clone());
            }
        }
        for (id, copies) in &self.delivered {
            match self.sent.get(id) {
                None => verdict.phantom.push(id.clone()),
                Some(Expected::Delivered(payload)) if copies.iter().all(|it| it == payload) => {}
                Some(_) => verdict.wrong.push(id.clone()),
            }
        }
        for id in &self.dead {
            match self.sent.get(id) {
                None => verdict.phantom.push(id.clone()),
                Some(Expected::DeadLettered) => {}
                Some(_) => verdict.wrong.push(id.clone()),
            }
        }
        verdict
    }

    fn is_seen(&self, id: &str) -> bool {
        self.delivered.contains_key(id) || self.dead.contains(id)
    }
}

impl Verdict {
    /// Nothing lost, nothing made up, nothing changed.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.phantom.is_empty() && self.wrong.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("accepted", self.accepted),
            ("delivered", self.delivered),
            ("filtered", self.filtered),
            ("withheld", self.withheld),
            ("dead-lettered", self.dead_lettered),
            ("duplicated", self.duplicated),
            ("lost", self.lost.len()),
            ("phantom", self.phantom.len()),
            ("wrong", self.wrong.len()),
        ];
        for (name, count) in rows {
            writeln!(formatter, "  {:<15}{count:>8}", format!("{name}:"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn sent() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.send("a", Expected::Delivered(json!({"id": "a"})));
        ledger.send("b", Expected::Filtered);
        ledger.send("c", Expected::DeadLettered);
        for id in ["a", "b", "c"] {
            ledger.accept(id);
        }
        ledger
    }

    #[test]
    fn every_end_is_counted_once() {
        let mut ledger = sent();
        ledger.deliver("a", json!({"id": "a"}));
        ledger.deliver("a", json!({"id": "a"}));
        ledger.bury("c");
        let verdict = ledger.judge();
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!(
            (
                verdict.accepted,
                verdict.delivered,
                verdict.filtered,
                verdict.dead_lettered,
                verdict.duplicated
            ),
            (3, 1, 1, 1, 1)
        );
    }

    #[test]
    fn what_is_missing_made_up_or_changed_is_seen() {
        let mut ledger = sent();
        ledger.deliver("b", json!({"id": "b"}));
        ledger.deliver("x", json!({}));
        let verdict = ledger.judge();
        assert_eq!(verdict.lost, ["a", "c"]);
        assert_eq!(verdict.phantom, ["x"]);
        assert_eq!(verdict.wrong, ["b"]);

        let mut ledger = sent();
        ledger.deliver("a", json!({"id": "A"}));
        ledger.bury("c");
        assert_eq!(ledger.judge().wrong, ["a"]);
    }
}
