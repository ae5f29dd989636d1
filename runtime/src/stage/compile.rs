//! From a program's stage to one that runs. The types are recomputed step by step with the crate that
//! the compiler uses, so that what was proved is what runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use vrsky_expression::{Filter, Map, Mistake};
use vrsky_plan::program::{self, Expression};
use vrsky_plan::report::Cause;
use vrsky_plan::{EdgeName, Program, Subject};
use vrsky_types::{Contract, Type};

use super::{Action, Condition, Delivery, Origin, Outlets, Output, Stage, Step, Target};
use crate::connectors::{self, Blocked};
use crate::status::Status;

impl Stage {
    /// Compiles all stages of a program. A sink of `before` whose parameters are the same stays open.
    pub(crate) fn compile_all(
        program: &Program,
        context: &connectors::Context,
        status: &Status,
        before: &BTreeMap<EdgeName, Arc<Stage>>,
    ) -> Result<BTreeMap<EdgeName, Arc<Stage>>, Blocked> {
        program
            .stages
            .iter()
            .map(|(edge, stage)| {
                let before = before.get(edge).map(AsRef::as_ref);
                let mut stage = Self::compile(program, stage, context, status, before)?;
                let others = matches!(program.source, program::Source::Topic { .. });
                stage.trusts_output = !(others && *edge == EdgeName::ingress());
                Ok((edge.clone(), Arc::new(stage)))
            })
            .collect()
    }

    pub(super) fn compile(
        program: &Program,
        stage: &program::Stage,
        context: &connectors::Context,
        status: &Status,
        before: Option<&Self>,
    ) -> Result<Self, Blocked> {
        // Edges of the flow itself.
        let own = |edges: &[Subject]| Outlets::new(edges, |_| program.partitions);
        let contract = contract(&stage.input.schema, &stage.input.path)?;
        let (steps, r#type) = compile_steps(&stage.steps, contract.payload())?;
        let mut outputs = Vec::with_capacity(stage.outputs.len());
        for (name, output) in &stage.outputs {
            let (condition, narrowed) = match &output.condition {
                program::Condition::Always => (Condition::Always, r#type.clone()),
                program::Condition::Otherwise => (Condition::Otherwise, r#type.clone()),
                program::Condition::When(expression) => {
                    let (filter, narrowed) = Filter::compile(&expression.source, &r#type)
                        .map_err(|mistakes| blocked(&mistakes, &output.path))?;
                    (Condition::When(filter), narrowed)
                }
            };
            let (steps, arriving) = compile_steps(&output.steps, &narrowed)?;
            let target = match &output.target {
                program::Target::Edge(subject) => Target::Edge(own(std::slice::from_ref(subject))),
                program::Target::Topic {
                    contract: schema,
                    publish,
                    partitions,
                    ..
                } => Target::Topic {
                    contract: self::contract(schema, &output.path)?,
                    publish: Outlets::new(publish, |reader| {
                        partitions.get(reader).copied().unwrap_or(1)
                    }),
                },
                program::Target::Deliver {
                    builtin,
                    with,
                    retries,
                } => {
                    let open = before
                        .and_then(|stage| stage.output(name))
                        .and_then(|output| output.same_sink(builtin, with, retries));
                    Target::Deliver(match open {
                        Some(delivery) => delivery,
                        None => Arc::new(Delivery {
                            sink: connectors::Sink::open(
                                builtin,
                                &with.value(),
                                &arriving,
                                context,
                                &output.path,
                            )?,
                            builtin: builtin.to_string(),
                            with: with.clone(),
                            retries: *retries,
                            failing: AtomicBool::new(false),
                        }),
                    })
                }
            };
            outputs.push(Output {
                delivered: status.delivered(name),
                name: name.as_str().into(),
                path: output.path.to_string(),
                condition,
                steps,
                target,
            });
        }
        Ok(Self {
            program: Origin {
                flow: program.flow.clone(),
                generation: program.generation,
                hash: program.hash.to_string(),
                dead_letter_seconds: program.dead_letter_seconds,
                partitions: program.partitions,
            },
            input_path: stage.input.path.to_string(),
            contract: stage.input.check.then_some(contract),
            steps,
            outputs,
            on_error: own(&stage.on_error),
            reads_metadata: reads_metadata(stage),
            max_payload: program.max_payload,
            trusts_output: false,
            leftover: None,
        })
    }
}

impl Output {
    fn same_sink(
        &self,
        builtin: &str,
        with: &program::JsonText,
        retries: &program::Retries,
    ) -> Option<Arc<Delivery>> {
        let Target::Deliver(delivery) = &self.target else {
            return None;
        };
        let same = delivery.builtin == builtin
            && delivery.with == *with
            && &delivery.retries == retries
            // An expression in the parameters is compiled against the type that arrives.
            && !with.as_str().contains("\"expr\"");
        same.then(|| Arc::clone(delivery))
    }
}

fn compile_steps(steps: &[program::Step], input: &Type) -> Result<(Vec<Step>, Type), Blocked> {
    let mut r#type = input.clone();
    let mut compiled = Vec::with_capacity(steps.len());
    for step in steps {
        let refuse = |mistakes: Vec<Mistake>| blocked(&mistakes, &step.path);
        let action = match &step.action {
            program::Action::Filter(Expression { source, .. }) => {
                let (filter, after) = Filter::compile(source, &r#type).map_err(refuse)?;
                r#type = after;
                Action::Filter(filter)
            }
            program::Action::Map(Expression { source, .. }) => {
                let (map, after) = Map::compile(source, &r#type).map_err(refuse)?;
                r#type = after;
                Action::Map(map)
            }
        };
        compiled.push(Step {
            name: step.name.to_string(),
            path: step.path.to_string(),
            action,
        });
    }
    Ok((compiled, r#type))
}

fn contract(schema: &program::JsonText, path: &str) -> Result<Contract, Blocked> {
    Contract::new(schema.value()).map_err(|error| Blocked {
        reason: format!("the schema cannot be used: {error}"),
        path: Some(path.to_owned()),
        cause: Cause::Other,
    })
}

/// The compiler proved the program; a mistake here means that runtime and compiler differ.
fn blocked(mistakes: &[Mistake], path: &str) -> Blocked {
    let first = mistakes
        .first()
        .map_or("unknown", |mistake| &mistake.message);
    Blocked {
        reason: format!("this runtime cannot compile the expression: {first}"),
        path: Some(path.to_owned()),
        cause: Cause::Other,
    }
}

fn reads_metadata(stage: &program::Stage) -> bool {
    let mut outputs = stage.outputs.values();
    outputs.any(|output| matches!(output.target, program::Target::Deliver { .. }))
        || serde_json::to_string(&(&stage.steps, &stage.outputs))
            .is_ok_and(|text| text.contains('%'))
}
