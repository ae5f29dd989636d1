//! Edges that the program has no more, with messages on them: a sink was removed or renamed, and the
//! process that would have read on until they were empty is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use vrsky_plan::{EdgeName, FlowId};

use super::Running;
use crate::connection::{ANSWER, Connection, Refusal};
use crate::connectors::Blocked;
use crate::edge::Edge;
use crate::retry::Lane;
use crate::stage::Stage;

/// Which edges hold messages, by flow. Asked before the index is read: what lay there then, and on no
/// edge of the program that the index names, belongs to a program of the past.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    /// The last sequence of the transit stream.
    pub(crate) last: u64,
    edges: BTreeMap<String, BTreeSet<EdgeName>>,
}

/// The edges of one flow that hold messages, up to a sequence.
#[derive(Debug)]
pub(crate) struct Held {
    last: u64,
    edges: BTreeSet<EdgeName>,
}

impl Holding {
    /// Asks the transit stream.
    pub(crate) async fn ask(connection: &Connection) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
        }
        #[derive(Deserialize)]
        struct State {
            last_seq: u64,
            #[serde(default)]
            subjects: BTreeMap<String, u64>,
        }
        let subject = format!("$JS.API.STREAM.INFO.{}", connection.transit());
        // The server names 100,000 subjects at most; the rest comes when these are gone.
        let request = json!({"subjects_filter": "e.>"}).to_string();
        let answer = connection
            .ask(subject, None, request.into(), ANSWER)
            .await?;
        let info: Info = serde_json::from_slice(&answer.payload)
            .map_err(|error| Refusal::Other(format!("an unreadable answer: {error}")))?;
        let mut edges: BTreeMap<String, BTreeSet<EdgeName>> = BTreeMap::new();
        for subject in info.state.subjects.into_keys() {
            let mut tokens = subject.split('.').skip(1);
            if let (Some(flow), Some(edge), None) = (tokens.next(), tokens.next(), tokens.next())
                && let Ok(edge) = EdgeName::new(edge)
            {
                edges.entry(flow.to_owned()).or_default().insert(edge);
            }
        }
        Ok(Self {
            last: info.state.last_seq,
            edges,
        })
    }

    /// The part of one flow.
    pub(crate) fn of(&mut self, flow: &FlowId) -> Option<Held> {
        let edges = self.edges.remove(&flow.token())?;
        Some(Held {
            last: self.last,
            edges,
        })
    }
}

impl Running {
    /// Reads what lies on edges that the program does not have. Another process that still reads such
    /// an edge with the program of before holds its lease, so it has the first right.
    pub(super) async fn take_leftovers(&mut self, held: Held) -> Result<(), Blocked> {
        let Some(program) = self.program.as_ref().filter(|program| !program.suspended) else {
            return Ok(());
        };
        if self.blocked {
            return Ok(());
        }
        // A partition that the program has is read by one of its processes.
        let known = |edge: &EdgeName| {
            let (whole, number) = edge.whole();
            let is_planned = program.stages.contains_key(&whole) && number < program.partitions;
            is_planned || self.retiring.contains_key(edge)
        };
        let left: BTreeSet<EdgeName> = held
            .edges
            .into_iter()
            .filter(|edge| !known(edge))
            .map(of_lane)
            .filter(|edge| !known(edge))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let context = self.context(program).await?;
        for edge in left {
            let (whole, _) = edge.whole();
            // One partition too many, since there are fewer than there were; or none at all.
            let stage = if let Some(stage) = self.stages.get(&whole) {
                Arc::clone(stage)
            } else {
                let leftover = Stage::leftover(
                    program,
                    &whole,
                    held.last,
                    &context,
                    &self.status,
                    &self.stages,
                )?;
                let Some(stage) = leftover else { continue };
                Arc::new(stage)
            };
            tracing::info!(event = "leftover_found", flow = %self.status.flow(), %edge);
            let connection = &self.process.connection;
            let started = Edge::start(connection, &self.status, &edge, stage);
            self.retiring.insert(edge, started);
        }
        Ok(())
    }

    /// Leaves leftovers where they lie: with another program they may be none.
    pub(super) async fn leave_leftovers(&mut self) {
        let names: Vec<_> = self
            .retiring
            .iter()
            .filter(|(_, edge)| edge.is_leftover())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if let Some(edge) = self.retiring.remove(&name) {
                edge.stop();
                edge.join().await;
                self.status.forget_edge(&name);
            }
        }
    }
}

/// The edge to which a lane belongs.
fn of_lane(edge: EdgeName) -> EdgeName {
    Lane::ALL
        .iter()
        .find_map(|lane| edge.as_str().strip_suffix(lane.suffix()))
        .and_then(|name| EdgeName::new(name).ok())
        .unwrap_or(edge)
}
