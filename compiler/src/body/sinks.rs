//! Where messages go.

use std::collections::BTreeMap;

use serde_json::json;
use vrsky_crds::flow::{Delivery, Retries, Sink};
use vrsky_crds::values::Duration;
use vrsky_expression::Filter;
use vrsky_plan::program::{self, Condition, Input, Output, Stage, Target};
use vrsky_plan::{EdgeName, Subject};
use vrsky_types::{Type, Verdict};

use super::steps::vrl;
use super::{Body, tight};
use crate::check::{At, edge_mismatch, exactly_one, invalid_name, lonely_otherwise, unproven_edge};
use crate::contract::Contract;
use crate::path::Path;
use crate::resolve::{self, Side};
use crate::shape::formats;

impl Body<'_, '_> {
    /// The outputs of the first stage. Sinks with an edge of their own, which are all but one that is
    /// `fused`, add their stages.
    pub(super) fn sinks(
        &mut self,
        shaped: Option<&Type>,
        fused: bool,
        on_error: &[Subject],
        stages: &mut BTreeMap<EdgeName, Box<Stage>>,
    ) -> BTreeMap<String, Box<Output>> {
        let spec = self.spec;
        let conditional = spec.sinks.values().any(|sink| sink.when.is_some());
        let mut outputs = BTreeMap::new();
        for (name, sink) in &spec.sinks {
            if sink.otherwise == Some(true) && !conditional {
                self.report(lonely_otherwise::issue(name));
            }
            let Some(edge) = self.edge(name, "spec.sinks", EdgeName::sink) else {
                continue;
            };
            if let Some(output) = self.sink(name, sink, shaped, fused, edge, on_error, stages) {
                outputs.insert(name.clone(), Box::new(output));
            }
        }
        outputs
    }

    fn edge(
        &mut self,
        name: &str,
        path: &str,
        make: fn(&str) -> Result<EdgeName, vrsky_plan::InvalidName>,
    ) -> Option<EdgeName> {
        if vrsky_plan::TenantName::new(name).is_err() {
            self.report(invalid_name::issue(
                &Path::of(path).key(name),
                At::Key,
                name,
                40,
            ));
            return None;
        }
        make(name).ok()
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call; a struct would only name them twice"
    )]
    fn sink(
        &mut self,
        name: &str,
        sink: &Sink,
        shaped: Option<&Type>,
        fused: bool,
        edge: EdgeName,
        on_error: &[Subject],
        stages: &mut BTreeMap<EdgeName, Box<Stage>>,
    ) -> Option<Output> {
        let path = Path::of("spec.sinks").key(name);
        let (condition, taken) = self.condition(sink, &path, shaped);
        let prefix = format!("{name}-");
        let (steps, arrives) = self.steps(&sink.steps, &path.key("steps"), &prefix, taken.clone());
        if let Some(topic) = &sink.topic {
            let target = self.topic_target(name, sink, topic, &path, arrives.as_ref())?;
            return Some(Output {
                path: path.to_string().into(),
                condition,
                steps: steps.into(),
                target,
            });
        }
        let connector = sink.connector.as_ref()?;
        let connection = self.connect(connector, Side::Sink, &path.key("connector"))?;
        let with = self.parameters(
            &connection,
            sink.with.as_ref(),
            &path.key("with"),
            arrives.as_ref(),
        );
        let target = Target::Deliver {
            builtin: connection.builtin.into(),
            with: with.into(),
            retries: self.retries(sink.delivery.as_ref()),
        };
        if fused {
            return Some(Output {
                path: path.to_string().into(),
                condition,
                steps: steps.into(),
                target,
            });
        }
        let subject = self.id().edge_subject(&edge);
        let deliver = Output {
            path: path.to_string().into(),
            condition: Condition::Always,
            steps: Box::default(),
            target,
        };
        stages.insert(
            edge,
            Box::new(Stage {
                subject: subject.clone(),
                input: Input {
                    schema: taken?.to_schema().into(),
                    check: false,
                    path: path.to_string().into(),
                },
                steps: steps.into(),
                outputs: tight([(name.to_owned(), Box::new(deliver))]),
                on_error: on_error.into(),
            }),
        );
        Some(Output {
            path: path.to_string().into(),
            condition,
            steps: Box::default(),
            target: Target::Edge(subject),
        })
    }

    /// Which messages a sink takes, and what they look like.
    fn condition(
        &mut self,
        sink: &Sink,
        path: &Path,
        shaped: Option<&Type>,
    ) -> (Condition, Option<Type>) {
        if sink.otherwise == Some(true) {
            return (Condition::Otherwise, shaped.cloned());
        }
        let Some(when) = &sink.when else {
            return (Condition::Always, shaped.cloned());
        };
        let condition = Condition::When(vrl(when));
        let Some(shaped) = shaped else {
            return (condition, None);
        };
        match Filter::compile(when, shaped) {
            Ok((_, taken)) => (condition, Some(taken)),
            Err(mistakes) => {
                self.mistakes(&path.key("when"), when, mistakes);
                (condition, None)
            }
        }
    }

    fn topic_target(
        &mut self,
        name: &str,
        sink: &Sink,
        reference: &str,
        path: &Path,
        arrives: Option<&Type>,
    ) -> Option<Target> {
        for (field, set) in [
            ("with", sink.with.is_some()),
            ("delivery", sink.delivery.is_some()),
        ] {
            if set {
                self.report(exactly_one::with_topic(path, field));
            }
        }
        let context = self.context;
        let found = resolve::write(
            context.signatures,
            &self.flow.tenant,
            reference,
            &path.key("topic"),
        );
        let (topic, found) = match found {
            Ok(found) => found,
            Err(issue) => {
                self.report(*issue);
                return None;
            }
        };
        let Some(contract) = &found.contract else {
            self.reports.withhold(self.flow.object);
            return None;
        };
        match arrives.map(|arrives| arrives.satisfies(&contract.compiled)) {
            Some(Verdict::Refuted {
                field,
                reason,
                example,
            }) => {
                let example = shorten(&example.to_string());
                self.report(edge_mismatch::issue(
                    name,
                    &topic,
                    found.object,
                    &field,
                    &reason,
                    &example,
                ));
            }
            Some(Verdict::Unproven {
                field,
                reason,
                help,
            }) => {
                let object = found.object;
                self.report(unproven_edge::issue(
                    name, &topic, object, &field, &reason, &help,
                ));
            }
            Some(Verdict::Proved) | None => {}
        }
        Some(Target::Topic {
            topic,
            contract: contract.schema.clone(),
            publish: Vec::new(),
            partitions: BTreeMap::new(),
        })
    }

    fn retries(&self, own: Option<&Delivery>) -> program::Retries {
        let own = own.and_then(|delivery| delivery.retries.as_ref());
        let common = self
            .spec
            .delivery
            .as_ref()
            .and_then(|delivery| delivery.retries.as_ref());
        let time = |field: fn(&Retries) -> Option<&Duration>, default: u64| {
            own.and_then(field)
                .or_else(|| common.and_then(field))
                .and_then(|Duration(text)| formats::milliseconds(text))
                .unwrap_or(default)
        };
        let attempts = own
            .and_then(|own| own.attempts)
            .or_else(|| common.and_then(|common| common.attempts));
        program::Retries {
            attempts: attempts.unwrap_or(8),
            first_ms: time(|retries| retries.first.as_ref(), 1_000),
            max_ms: time(|retries| retries.max.as_ref(), 300_000),
        }
    }

    /// The stages of the error branch, and the subjects of their edges.
    pub(super) fn error_stages(
        &mut self,
        stages: &mut BTreeMap<EdgeName, Box<Stage>>,
    ) -> Vec<Subject> {
        let Some(branch) = &self.spec.on_error else {
            return Vec::new();
        };
        // Expressions of the branch see error documents, not what arrives at the flow.
        let contract = self.contract.take();
        let document = Contract::new(error_document()).expect("the schema is ours");
        let mut subjects = Vec::new();
        for (name, sink) in &branch.sinks {
            let path = Path::of("spec.onError.sinks").key(name);
            let Some(edge) = self.edge(name, "spec.onError.sinks", EdgeName::error) else {
                continue;
            };
            let Some(connection) =
                self.connect(&sink.connector, Side::Sink, &path.key("connector"))
            else {
                continue;
            };
            let payload = Some(document.compiled.payload());
            let with = self.parameters(&connection, sink.with.as_ref(), &path.key("with"), payload);
            let subject = self.id().edge_subject(&edge);
            let deliver = Output {
                path: path.to_string().into(),
                condition: Condition::Always,
                steps: Box::default(),
                target: Target::Deliver {
                    builtin: connection.builtin.into(),
                    with: with.into(),
                    retries: self.retries(sink.delivery.as_ref()),
                },
            };
            stages.insert(
                edge,
                Box::new(Stage {
                    subject: subject.clone(),
                    input: Input {
                        schema: document.schema.clone(),
                        check: false,
                        path: path.to_string().into(),
                    },
                    steps: Box::default(),
                    outputs: tight([(name.clone(), Box::new(deliver))]),
                    on_error: Box::default(),
                }),
            );
            subjects.push(subject);
        }
        self.contract = contract;
        subjects
    }
}

/// What the runtime puts on the edges of the error branch.
fn error_document() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["flow", "step", "path", "error", "attempts", "messageId", "payload"],
        "properties": {
            "flow": {"type": "string"},
            "step": {"type": "string"},
            "path": {"type": "string"},
            "error": {"type": "string"},
            "attempts": {"type": "integer"},
            "messageId": {"type": "string"},
            "payload": {},
        },
        "additionalProperties": false,
    })
}

fn shorten(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
