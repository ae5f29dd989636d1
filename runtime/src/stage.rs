//! The pure part: a message's bytes in, what each output takes out. No IO, no waiting.

mod compile;
mod leftover;
mod outlets;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use vrsky_expression::{Filter, Map, Message};
use vrsky_plan::FlowId;
use vrsky_plan::program::{JsonText, Retries};
use vrsky_types::Contract;

use crate::connectors;
use crate::edge::Input;
pub(crate) use leftover::Leftover;
pub(crate) use outlets::{Outlets, partition};

/// A compiled stage with its sinks open.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) program: Origin,
    input_path: String,
    contract: Option<Contract>,
    steps: Vec<Step>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) on_error: Outlets,
    /// Whether anything may read `%`: building it costs as much as a small map.
    reads_metadata: bool,
    pub(crate) max_payload: usize,
    /// Whether `Vrsky-Output` of what arrives can be believed: not where others, perhaps of another
    /// tenant, publish to the edge, for it would carry a message past the conditions.
    pub(crate) trusts_output: bool,
    /// Only of an edge that the program has no more.
    pub(crate) leftover: Option<Leftover>,
}

/// Where a stage comes from, for dead letters.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) flow: FlowId,
    pub(crate) generation: i64,
    pub(crate) hash: String,
    pub(crate) dead_letter_seconds: u64,
    pub(crate) partitions: u32,
}

#[derive(Debug)]
struct Step {
    name: String,
    path: String,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Filter(Filter),
    Map(Map),
}

/// One way out.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) name: Arc<str>,
    pub(crate) path: String,
    condition: Condition,
    steps: Vec<Step>,
    pub(crate) target: Target,
    /// How many were delivered here.
    pub(crate) delivered: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Condition {
    Always,
    When(Filter),
    Otherwise,
}

/// Where an output leads.
#[derive(Debug)]
pub(crate) enum Target {
    /// One edge.
    Edge(Outlets),
    Topic {
        contract: Contract,
        publish: Outlets,
    },
    Deliver(Arc<Delivery>),
}

/// An open sink, shared by the concurrent deliveries of an edge and its lanes.
#[derive(Debug)]
pub(crate) struct Delivery {
    builtin: String,
    with: JsonText,
    pub(crate) retries: Retries,
    pub(crate) sink: connectors::Sink,
    /// The last attempt failed: one at a time goes on trying.
    pub(crate) failing: AtomicBool,
}

/// What one output takes of a message.
#[derive(Debug)]
pub(crate) struct Take {
    /// Which output, by its place.
    pub(crate) output: usize,
    pub(crate) what: What,
}

/// What becomes of a message at an output.
#[derive(Debug)]
pub(crate) enum What {
    /// These bytes are published to the output's subjects.
    Publish(Bytes),
    /// The sink gets it.
    Deliver(Box<Message>),
    /// Nobody reads the topic.
    Unread,
    /// A step of the branch dropped it.
    Filtered,
    /// A step of the branch, or the topic's contract, refused it.
    Failed(Failed),
}

/// Where and why a message went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The step or sink that gave up; `source` for what no step has seen.
    pub(crate) step: String,
    /// Its field path.
    pub(crate) path: String,
    /// One line.
    pub(crate) error: String,
}

impl Stage {
    /// Runs the steps and conditions; `takes` gets what each output takes, and nothing where the
    /// message was filtered. `only` names the one output that a waiting message still has to take.
    pub(crate) fn run(
        &self,
        input: &Input,
        only: Option<&str>,
        takes: &mut Vec<Take>,
    ) -> Result<(), Failed> {
        if let Some(failed) = self.removed() {
            return Err(failed.clone());
        }
        let payload = serde_json::from_slice(&input.payload)
            .map_err(|error| self.refused(&format!("not JSON: {error}")))?;
        let metadata = if self.reads_metadata {
            serde_json::Value::Object(input.metadata())
        } else {
            serde_json::Value::Object(serde_json::Map::new())
        };
        let mut message = Message {
            payload,
            metadata: metadata.into(),
        };
        if let Some(contract) = &self.contract {
            contract
                .check(&message.payload)
                .map_err(|violation| self.refused(&violation.to_string()))?;
        }
        let mut changed = false;
        if !run_steps(&self.steps, &mut message, &mut changed)? {
            return Ok(());
        }
        let chosen = self.choose(&mut message, only)?;
        let Some((last, others)) = chosen.split_last() else {
            return Ok(());
        };
        for &place in others {
            takes.push(self.take(place, message.clone(), changed, &input.payload));
        }
        takes.push(self.take(*last, message, changed, &input.payload));
        Ok(())
    }

    /// Whether messages may wait on the lanes: where a sink may fail, or could.
    pub(crate) fn has_lanes(&self) -> bool {
        self.leftover.is_some() || self.delivers()
    }

    /// Whether the stage ever waits for a sink.
    pub(crate) fn delivers(&self) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output.target, Target::Deliver(_)))
    }

    /// What to write of every message, where the sink is gone.
    pub(crate) fn removed(&self) -> Option<&Failed> {
        self.leftover.as_ref()?.failed.as_ref()
    }

    /// The place of an output.
    pub(crate) fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| &*output.name == name)
    }

    fn refused(&self, error: &str) -> Failed {
        Failed {
            step: "source".to_owned(),
            path: self.input_path.clone(),
            error: crate::status::one_line(error),
        }
    }

    /// The outputs that take the message: all conditions are decided before anything goes out.
    fn choose(&self, message: &mut Message, only: Option<&str>) -> Result<Vec<usize>, Failed> {
        if let Some(name) = only {
            let place = self.outputs.iter().position(|output| &*output.name == name);
            return place.map(|place| vec![place]).ok_or_else(|| Failed {
                step: name.to_owned(),
                path: format!("spec.sinks.{name}"),
                error: "the sink no longer exists".to_owned(),
            });
        }
        let mut chosen = Vec::with_capacity(self.outputs.len());
        let mut matched = false;
        for (place, output) in self.outputs.iter().enumerate() {
            let takes = match &output.condition {
                Condition::Always => true,
                Condition::Otherwise => false,
                Condition::When(filter) => {
                    let holds = filter
                        .run(message)
                        .map_err(|failure| output.failed(&failure.message))?;
                    matched |= holds;
                    holds
                }
            };
            if takes {
                chosen.push(place);
            }
        }
        if !matched {
            let rest = |output: &Output| matches!(output.condition, Condition::Otherwise);
            let rest = self.outputs.iter().enumerate().filter(|(_, o)| rest(o));
            chosen.extend(rest.map(|(place, _)| place));
        }
        Ok(chosen)
    }

    fn take(&self, place: usize, mut message: Message, mut changed: bool, bytes: &Bytes) -> Take {
        let output = &self.outputs[place];
        let what = match run_steps(&output.steps, &mut message, &mut changed) {
            Err(failed) => What::Failed(failed),
            Ok(false) => What::Filtered,
            Ok(true) => output.take(message, changed, bytes, self.max_payload),
        };
        Take {
            output: place,
            what,
        }
    }
}

impl Output {
    /// An error of this output.
    pub(crate) fn failed(&self, error: &str) -> Failed {
        Failed {
            step: self.name.to_string(),
            path: self.path.clone(),
            error: crate::status::one_line(error),
        }
    }

    fn take(&self, message: Message, changed: bool, bytes: &Bytes, max_payload: usize) -> What {
        match &self.target {
            Target::Deliver(_) => return What::Deliver(Box::new(message)),
            Target::Topic { contract, publish } => {
                if let Err(violation) = contract.check(&message.payload) {
                    return What::Failed(self.failed(&violation.to_string()));
                }
                if publish.edges.is_empty() {
                    return What::Unread;
                }
            }
            Target::Edge(_) => {}
        }
        // What no step has changed goes on as it came, to the byte.
        if !changed {
            return What::Publish(bytes.clone());
        }
        match serde_json::to_vec(&message.payload) {
            Ok(json) if json.len() > max_payload => What::Failed(
                self.failed(&format!("the payload is larger than {max_payload} bytes")),
            ),
            Ok(json) => What::Publish(json.into()),
            Err(error) => What::Failed(self.failed(&format!("no JSON: {error}"))),
        }
    }
}

/// Whether the message passes.
fn run_steps(steps: &[Step], message: &mut Message, changed: &mut bool) -> Result<bool, Failed> {
    for step in steps {
        let outcome = match &step.action {
            Action::Filter(filter) => filter.run(message),
            Action::Map(map) => {
                *changed = true;
                map.run(message).map(|()| true)
            }
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(failure) => {
                return Err(Failed {
                    step: step.name.clone(),
                    path: step.path.clone(),
                    error: crate::status::one_line(&failure.message),
                });
            }
        }
    }
    Ok(true)
}
