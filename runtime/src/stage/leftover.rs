//! Stages for what lies on edges that the program has no more. Nothing accepted may vanish with an
//! edit: a sink that is still there under its name gets what was on its way to it, though by another
//! edge; what has no sink any more becomes dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_plan::{EdgeName, Program};

use super::{Condition, Failed, Outlets, Stage, Target};
use crate::connectors::{self, Blocked};
use crate::status::Status;

/// What sets such a stage apart.
#[derive(Debug)]
pub(crate) struct Leftover {
    /// The last sequence that lay there when the program was known to have no such edge. Later ones
    /// may belong to a newer program.
    pub(crate) last: u64,
    /// What to write of each message; `None` where the sink is still there.
    pub(crate) failed: Option<Failed>,
}

impl Stage {
    /// The stage for an edge that `program` does not have, up to the sequence `last`.
    pub(crate) fn leftover(
        program: &Program,
        edge: &EdgeName,
        last: u64,
        context: &connectors::Context,
        status: &Status,
        before: &BTreeMap<EdgeName, Arc<Self>>,
    ) -> Result<Option<Self>, Blocked> {
        let Some(first) = program.stages.get(&EdgeName::ingress()) else {
            return Ok(None);
        };
        let open = before.get(&EdgeName::ingress()).map(AsRef::as_ref);
        let mut stage = Self::compile(program, first, context, status, open)?;
        // What lies there has passed the contract, the steps and the condition.
        stage.contract = None;
        stage.steps.clear();
        let (branch, sink) = edge
            .as_str()
            .split_once('-')
            .unwrap_or(("sink", edge.as_str()));
        stage.outputs.retain(|output| {
            branch == "sink" && &*output.name == sink && !matches!(output.target, Target::Edge(_))
        });
        let failed = if let Some(output) = stage.outputs.first_mut() {
            output.condition = Condition::Always;
            None
        } else {
            // The error branch is for what goes wrong in the flow as it is.
            stage.on_error = Outlets::new(&[], |_| 1);
            let sinks = if branch == "error" {
                "spec.onError.sinks"
            } else {
                "spec.sinks"
            };
            Some(Failed {
                step: sink.to_owned(),
                path: format!("{sinks}.{sink}"),
                error: "the sink was removed before it took this message".to_owned(),
            })
        };
        stage.leftover = Some(Leftover { last, failed });
        Ok(Some(stage))
    }
}
