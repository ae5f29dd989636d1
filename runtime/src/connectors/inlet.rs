//! Where sources put messages: the flow's intake, or a list in tests.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::intake::{Intake, Refused};

/// The longest wait for one acknowledgement; the intake's own limit is shorter.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes messages in for one flow. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Inlet {
    /// The flow's intake.
    Flow(Intake),
    /// A list.
    #[cfg(test)]
    Memory(std::sync::Arc<tests::Memory>),
}

impl Inlet {
    /// As [`Intake::store`].
    pub(super) async fn store(
        &self,
        id: &str,
        metadata: &Value,
        payload: Bytes,
    ) -> Result<(), Refused> {
        match self {
            Self::Flow(intake) => {
                tokio::time::timeout(PATIENCE, intake.store(id, Some(metadata), payload))
                    .await
                    .unwrap_or(Err(Refused::Unavailable))
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.store(id, metadata, payload).await,
        }
    }

    /// As [`Intake::refused`].
    pub(super) fn refused(&self, reason: &str) {
        match self {
            Self::Flow(intake) => intake.refused(reason),
            #[cfg(test)]
            Self::Memory(memory) => memory.note(&format!("refused: {reason}")),
        }
    }

    /// As [`Intake::trouble`].
    pub(super) fn trouble(&self, path: &str, message: &str) {
        match self {
            Self::Flow(intake) => intake.trouble(path, message),
            #[cfg(test)]
            Self::Memory(memory) => memory.note(&format!("{path}: {message}")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A list of what was stored, answers to give, and notes of what was refused.
    #[derive(Debug, Default)]
    pub(in crate::connectors) struct Memory {
        stored: Mutex<Vec<Stored>>,
        refusals: Mutex<VecDeque<Refused>>,
        room: Mutex<Option<usize>>,
        notes: Mutex<Vec<String>>,
    }

    #[derive(Clone, Debug, PartialEq)]
    pub(in crate::connectors) struct Stored {
        pub id: String,
        pub metadata: Value,
        pub payload: Bytes,
    }

    impl Memory {
        pub(in crate::connectors) fn inlet() -> (Arc<Self>, Inlet) {
            let memory = Arc::new(Self::default());
            (memory.clone(), Inlet::Memory(memory))
        }

        /// The next stores are refused so.
        pub(in crate::connectors) fn refuse(&self, refusals: impl IntoIterator<Item = Refused>) {
            self.refusals.lock().unwrap().extend(refusals);
        }

        /// It is full with so many messages.
        pub(in crate::connectors) fn fill_after(&self, count: usize) {
            *self.room.lock().unwrap() = Some(count);
        }

        pub(in crate::connectors) fn stored(&self) -> Vec<Stored> {
            self.stored.lock().unwrap().clone()
        }

        pub(in crate::connectors) fn notes(&self) -> Vec<String> {
            self.notes.lock().unwrap().clone()
        }

        pub(in crate::connectors) async fn wait_for(&self, count: usize) -> Vec<Stored> {
            for _ in 0..1_000 {
                if self.stored().len() >= count {
                    return self.stored();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("waited for {count} messages, have {}", self.stored().len());
        }

        pub(super) async fn store(
            &self,
            id: &str,
            metadata: &Value,
            payload: Bytes,
        ) -> Result<(), Refused> {
            let result = self.put(id, metadata, payload);
            tokio::task::yield_now().await;
            result
        }

        fn put(&self, id: &str, metadata: &Value, payload: Bytes) -> Result<(), Refused> {
            if let Some(refused) = self.refusals.lock().unwrap().pop_front() {
                return Err(refused);
            }
            let room = *self.room.lock().unwrap();
            let mut stored = self.stored.lock().unwrap();
            if room.is_some_and(|room| stored.len() >= room) {
                return Err(Refused::Full);
            }
            if !stored.iter().any(|message| message.id == id) {
                stored.push(Stored {
                    id: id.to_owned(),
                    metadata: metadata.clone(),
                    payload,
                });
            }
            Ok(())
        }

        pub(super) fn note(&self, text: &str) {
            self.notes.lock().unwrap().push(text.to_owned());
        }
    }
}
