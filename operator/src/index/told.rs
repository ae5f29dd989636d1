//! Statuses in a tenth of their memory: what most conditions say, those of other objects say, too.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use vrsky_crds::status::Status;

/// A status as it was last seen, or said.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    observed_generation: i64,
    conditions: Box<[Since]>,
    url: Option<Box<str>>,
    /// What else there is, if anything.
    rest: Option<Box<Status>>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
struct Since {
    phrase: Arc<Phrase>,
    /// -1: it does not say.
    observed_generation: i64,
    /// In Unix seconds, which is what an API server keeps.
    transition: i64,
}

/// What a condition says, whenever and of whichever generation.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Phrase {
    kind: String,
    status: String,
    reason: String,
    message: String,
}

/// Every phrase that is in use.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    known: HashSet<Arc<Phrase>>,
    /// When there are so many, those that nobody uses any more go.
    enough: usize,
}

impl Phrases {
    fn share(&mut self, phrase: Phrase) -> Arc<Phrase> {
        if let Some(known) = self.known.get(&phrase) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.enough {
            self.known.retain(|phrase| Arc::strong_count(phrase) > 1);
            self.enough = 2 * self.known.len().max(64);
        }
        let phrase = Arc::new(phrase);
        self.known.insert(Arc::clone(&phrase));
        phrase
    }
}

impl Told {
    pub(super) fn new(mut status: Status, phrases: &mut Phrases) -> Self {
        let conditions = std::mem::take(&mut status.conditions).into_iter();
        let conditions = conditions.map(|condition| Since {
            phrase: phrases.share(Phrase {
                kind: condition.type_,
                status: condition.status,
                reason: condition.reason,
                message: condition.message,
            }),
            observed_generation: condition.observed_generation.unwrap_or(-1),
            transition: condition.last_transition_time.0.as_second(),
        });
        let observed_generation = status.observed_generation;
        let url = status.url.take();
        let nothing = Status {
            observed_generation,
            ..Status::default()
        };
        Self {
            observed_generation,
            conditions: conditions.collect(),
            url: url.map(Into::into),
            rest: (status != nothing).then(|| Box::new(status)),
        }
    }

    /// The status.
    pub fn status(&self) -> Status {
        let rest = self.rest.as_deref().cloned().unwrap_or_default();
        let conditions = self.conditions.iter().map(|one| Condition {
            type_: one.phrase.kind.clone(),
            status: one.phrase.status.clone(),
            reason: one.phrase.reason.clone(),
            message: one.phrase.message.clone(),
            observed_generation: Some(one.observed_generation).filter(|it| *it >= 0),
            last_transition_time: Time(Timestamp::from_second(one.transition).unwrap_or_default()),
        });
        Status {
            observed_generation: self.observed_generation,
            conditions: conditions.collect(),
            url: self.url.as_deref().map(str::to_owned),
            ..rest
        }
    }

    /// Whether it says that the object is ready.
    pub fn is_ready(&self) -> bool {
        let mut phrases = self.conditions.iter().map(|one| &one.phrase);
        phrases.any(|phrase| phrase.kind == "Ready" && phrase.status == "True")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(message: &str) -> Status {
        serde_json::from_value(serde_json::json!({
            "observedGeneration": 3,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Running", "message": message,
                "observedGeneration": 2, "lastTransitionTime": "2026-11-30T08:00:00Z",
            }],
            "url": "https://hooks.example/acme/in",
            "replicas": 2,
        }))
        .expect("a status")
    }

    #[test]
    fn a_status_is_told_as_it_was() {
        let mut phrases = Phrases::default();
        for before in [status("it runs"), Status::default()] {
            assert_eq!(Told::new(before.clone(), &mut phrases).status(), before);
        }
    }

    #[test]
    fn what_many_say_is_there_once_and_what_nobody_says_any_more_goes() {
        let mut phrases = Phrases::default();
        let said: Vec<Told> = (0..1_000)
            .map(|_| Told::new(status("it runs"), &mut phrases))
            .collect();
        assert_eq!(phrases.known.len(), 1);
        for number in 0..1_000 {
            drop(Told::new(status(&number.to_string()), &mut phrases));
        }
        assert!(phrases.known.len() <= 128, "{}", phrases.known.len());
        assert_eq!(said[999].status(), status("it runs"));
    }
}
