//! Which programs should run: read from the platform's bucket, live.
//!
//! The index names every program by hash and is written after them, so a change of the index is the
//! one thing that matters; programs that were seen live on the way are not asked for again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use vrsky_plan::report::Index;
use vrsky_plan::{FlowId, Program, VERSION, platform};

use crate::connection::Refusal;
use crate::flow::{Flow, Holding, Process, Wanted};

/// The index is read again after so long even if nothing was heard.
const LOOK: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);
const LOOP: &str = "the watch of the programs";

/// Runs what should run until `stop`, then stops it all.
pub(crate) async fn run(process: &Process, stop: &CancellationToken) -> Result<(), Refusal> {
    let connection = &process.connection;
    let prefix = platform::key_subject(platform::PROGRAMS, connection.tenant().as_str());
    let mut changes = connection
        .client()
        .subscribe(format!("{prefix}.>"))
        .await
        .map_err(|error| Refusal::Other(error.to_string()))?;
    let mut connects = connection.connects();
    connects.mark_unchanged();
    let index = platform::key_subject(
        platform::PROGRAMS,
        &platform::index_key(connection.tenant()),
    );
    let mut flows = Flows {
        process,
        running: BTreeMap::new(),
        seen: BTreeMap::new(),
    };
    let mut look_at = Instant::now();
    loop {
        process.health.turned(LOOP);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            change = changes.next() => {
                let Some(change) = change else { break };
                if change.subject.as_str() == index {
                    look_at = Instant::now();
                } else {
                    flows.saw(change.payload);
                }
            }
            Ok(()) = connects.changed() => look_at = Instant::now(),
            () = sleep_until(look_at) => {
                look_at = Instant::now() + match flows.look().await {
                    Ok(()) => LOOK,
                    Err(reason) => {
                        tracing::warn!(event = "programs_unread", %reason);
                        LOOK_AGAIN
                    }
                };
            }
        }
    }
    process.health.ended(LOOP);
    for (_, flow) in flows.running.values() {
        flow.stop();
    }
    for (_, (_, flow)) in flows.running {
        flow.join().await;
    }
    Ok(())
}

struct Flows<'a> {
    process: &'a Process,
    /// By flow: the hash in the index, and what runs it.
    running: BTreeMap<FlowId, (String, Flow)>,
    /// Programs seen live since the last look, by hash.
    seen: BTreeMap<String, Bytes>,
}

impl Flows<'_> {
    fn saw(&mut self, program: Bytes) {
        #[derive(Deserialize)]
        struct Hash {
            hash: String,
        }
        if let Ok(Hash { hash }) = serde_json::from_slice(&program) {
            self.seen.insert(hash, program);
        }
    }

    /// Reads the index and applies the difference.
    async fn look(&mut self) -> Result<(), Refusal> {
        let tenant = self.process.connection.tenant().clone();
        let mut holding = Holding::ask(&self.process.connection)
            .await
            .unwrap_or_else(|reason| {
                tracing::warn!(event = "edges_unknown", %reason);
                Holding::default()
            });
        let index: Index = match self.read(&platform::index_key(&tenant)).await {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Refusal::Other(format!("the index is unreadable: {error}")))?,
            Err(Refusal::NotFound) => Index::default(),
            Err(refusal) => return Err(refusal),
        };
        self.process.health.should_run(&index.programs);
        let gone: Vec<_> = self
            .running
            .keys()
            .filter(|flow| !index.programs.contains_key(*flow))
            .cloned()
            .collect();
        for flow in gone {
            if let Some((_, running)) = self.running.remove(&flow) {
                tracing::info!(event = "program_removed", %flow);
                running.stop();
            }
        }
        let mut unread = Ok(());
        for (flow, hash) in index.programs {
            self.process.health.turned(LOOP);
            if self
                .running
                .get(&flow)
                .is_some_and(|(runs, _)| *runs == hash)
            {
                self.leftovers(&flow, &mut holding);
                continue;
            }
            let seen = self.seen.remove(&hash);
            let bytes = match seen {
                Some(bytes) => bytes,
                None => match self.read(&platform::program_key(&tenant, &flow)).await {
                    Ok(bytes) => bytes,
                    // Others go on; this one is read at the next look.
                    Err(refusal) => {
                        unread = Err(refusal);
                        continue;
                    }
                },
            };
            let wanted = parse(&bytes, &hash);
            let (runs, running) = self
                .running
                .entry(flow.clone())
                .or_insert_with(|| (String::new(), Flow::start(self.process, flow.clone())));
            running.want(wanted);
            *runs = hash;
            self.leftovers(&flow, &mut holding);
        }
        self.seen.clear();
        unread
    }

    /// Shows a flow which edges held messages before the index named its program.
    fn leftovers(&self, flow: &FlowId, holding: &mut Holding) {
        if let (Some((_, running)), Some(held)) = (self.running.get(flow), holding.of(flow)) {
            running.want(Wanted::Leftovers(held));
        }
    }

    async fn read(&self, key: &str) -> Result<Bytes, Refusal> {
        let subject = platform::key_get_subject(platform::PROGRAMS, key);
        let answer = self
            .process
            .connection
            .ask(subject, None, Bytes::new(), ANSWER)
            .await?;
        let deleted = answer
            .headers
            .as_ref()
            .is_some_and(|headers| headers.get("KV-Operation").is_some());
        if deleted {
            return Err(Refusal::NotFound);
        }
        Ok(answer.payload)
    }
}

/// A program of another version is shown, not run.
fn parse(bytes: &[u8], hash: &str) -> Wanted {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let unreadable = |reason: String| Wanted::Unreadable {
        hash: hash.to_owned(),
        reason,
    };
    match serde_json::from_slice(bytes) {
        Ok(Version { version }) if version != VERSION => unreadable(format!(
            "the program has version {version}, this runtime reads {VERSION}"
        )),
        _ => match serde_json::from_slice::<Program>(bytes) {
            Ok(program) => Wanted::Program(Box::new(program)),
            Err(error) => unreadable(format!("the program is unreadable: {error}")),
        },
    }
}
