use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::config::Config;
use crate::connectors::inlet::Inlet;
use crate::connectors::{Blocked, parameters};
use crate::intake::Refused;

/// How many messages wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 256;
/// The pause before a refused message is offered again.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes messages with a sequence number from 1.
#[derive(Debug)]
pub(in crate::connectors) struct Source {
    config: Config,
}

impl Source {
    pub(in crate::connectors) fn open(with: &Value) -> Result<Self, Blocked> {
        let config = parameters("generate", with, "spec.source.with")?;
        Ok(Self { config })
    }

    /// A run begins at 1, with ids of its own: a restart repeats no id. While the flow is full the
    /// sequence waits; no number is left out, save those under way when `stop` comes.
    pub(in crate::connectors) async fn run(
        &self,
        inlet: Inlet,
        stop: CancellationToken,
    ) -> Result<(), Blocked> {
        let run = Uuid::now_v7();
        let mut pace = interval(self.config.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last = self.config.count.unwrap_or(u64::MAX);
        stream::unfold((pace, 1), move |(mut pace, sequence)| async move {
            if sequence > last {
                return None;
            }
            pace.tick().await;
            Some((sequence, (pace, sequence + 1)))
        })
        .take_until(stop.cancelled())
        .map(|sequence| store(&inlet, self.message(&run, sequence), &stop))
        .buffered(IN_FLIGHT)
        .for_each(|()| std::future::ready(()))
        .await;
        stop.cancelled().await;
        Ok(())
    }

    fn message(&self, run: &Uuid, sequence: u64) -> Generated {
        let id = format!("generate-{}-{sequence}", run.simple());
        let mut payload = self.config.payload.clone();
        payload.insert("sequence".to_owned(), sequence.into());
        Generated {
            metadata: json!({"id": id, "time": Timestamp::now().to_string()}),
            id,
            payload: Value::Object(payload).to_string(),
        }
    }
}

struct Generated {
    id: String,
    metadata: Value,
    payload: String,
}

/// Offers the message until it is taken; after `stop`, not again.
async fn store(inlet: &Inlet, message: Generated, stop: &CancellationToken) {
    let started = Instant::now();
    let payload = Bytes::from(message.payload);
    loop {
        let Err(refused) = inlet
            .store(&message.id, &message.metadata, payload.clone())
            .await
        else {
            return;
        };
        if matches!(refused, Refused::TooLarge { .. }) {
            inlet.refused(&refused.to_string());
            return;
        }
        if started.elapsed() > PAUSE {
            inlet.trouble("spec.source", &refused.to_string());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

    use super::*;
    use crate::connectors::inlet::tests::Memory;

    #[tokio::test]
    async fn the_sequence_has_no_gap_even_if_the_flow_is_full_for_a_while() {
        let source =
            Source::open(&json!({"every": "1ms", "count": 5, "payload": {"kind": "probe"}}))
                .unwrap();
        let (memory, inlet) = Memory::inlet();
        memory.refuse([Refused::Full, Refused::Unavailable]);
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { source.run(inlet, stop).await }
        });
        let mut stored = memory.wait_for(5).await;
        stop.cancel();
        running.await.unwrap().unwrap();
        let payload = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        stored.sort_by_key(|message| payload(&message.payload)["sequence"].as_u64());
        for (index, message) in stored.iter().enumerate() {
            let expected = json!({"kind": "probe", "sequence": index + 1});
            assert_eq!(payload(&message.payload), expected);
            assert!(message.id.ends_with(&format!("-{}", index + 1)));
            assert_eq!(message.metadata["id"], message.id);
        }
    }

    #[test]
    fn parameters_that_are_not_known_block_the_flow() {
        let blocked = Source::open(&json!({"every": "1s", "rate": 5})).unwrap_err();
        assert!(blocked.reason.contains("`rate`"), "{}", blocked.reason);
        assert_eq!(blocked.path.as_deref(), Some("spec.source.with"));
    }
}
