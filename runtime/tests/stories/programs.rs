//! Programs as the compiler would lower them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vrsky_plan::program::{
    Action, Condition, Expression, Input, Language, Output, Retries, Source, Stage, Step, Target,
};
use vrsky_plan::{EdgeName, FlowId, Program, Subject, TenantId, TenantName};

/// A flow of the namespace `shop` that reads a topic, so that tests publish to its edge.
pub fn program(name: &str) -> Program {
    let flow = FlowId::new("shop", name).unwrap();
    let stage = Stage {
        subject: flow.edge_subject(&EdgeName::ingress()),
        input: Input {
            schema: json!({
                "type": "object",
                "required": ["n"],
                "properties": {"n": {"type": "integer"}},
            })
            .into(),
            check: true,
            path: "spec.source.contract".into(),
        },
        steps: Box::default(),
        outputs: [].into_iter().collect(),
        on_error: Box::default(),
    };
    Program {
        version: vrsky_plan::VERSION,
        hash: Box::default(),
        tenant: TenantName::new("acme").unwrap(),
        tenant_id: TenantId::new("acme1").unwrap(),
        flow,
        generation: 1,
        suspended: false,
        source: Source::Topic {
            topic: "acme/numbers".to_owned(),
        },
        stages: [(EdgeName::ingress(), Box::new(stage))]
            .into_iter()
            .collect(),
        dead_letter_seconds: 600,
        max_payload: 65_536,
        partitions: 1,
        scale: None,
    }
    .sealed()
}

/// Builds on a program; each call seals it anew.
pub trait Build: Sized {
    fn change(self, change: impl FnOnce(&mut Program)) -> Self;

    fn stage(self, change: impl FnOnce(&mut Stage)) -> Self {
        self.change(|program| change(program.stages.get_mut(&EdgeName::ingress()).unwrap()))
    }

    fn filter(self, source: &str) -> Self {
        self.step("filter", Action::Filter(expression(source)))
    }

    fn map(self, source: &str) -> Self {
        self.step("map", Action::Map(expression(source)))
    }

    fn step(self, name: &str, action: Action) -> Self {
        self.stage(|stage| {
            let place = stage.steps.len();
            let before = std::mem::take(&mut stage.steps).into_iter();
            let step = Step {
                name: name.into(),
                path: format!("spec.steps[{place}].{name}").into(),
                action,
            };
            stage.steps = before.chain([step]).collect();
        })
    }

    fn topic(self, name: &str, condition: Condition, readers: &[&str]) -> Self {
        self.output(name, condition, topic(name, readers))
    }

    fn deliver(self, name: &str, builtin: &str, with: Value, retries: Retries) -> Self {
        let target = Target::Deliver {
            builtin: builtin.into(),
            with: with.into(),
            retries,
        };
        self.output(name, Condition::Always, target)
    }

    fn output(self, name: &str, condition: Condition, target: Target) -> Self {
        self.stage(|stage| {
            let output = output(name, condition, target);
            stage.outputs.insert(name.to_owned(), output);
        })
    }

    /// The `in` stage moves messages to an edge of its own for the sink.
    fn sink_edge(self, name: &str, condition: Condition, target: Target) -> Self {
        let edge = EdgeName::sink(name).unwrap();
        self.change(|program| {
            let subject = program.flow.edge_subject(&edge);
            let first = program.stages.get_mut(&EdgeName::ingress()).unwrap();
            let moves = output(name, condition, Target::Edge(subject.clone()));
            first.outputs.insert(name.to_owned(), moves);
            let mut stage = first.clone();
            stage.subject = subject;
            stage.steps = Box::default();
            stage.input.check = false;
            let only = (name.to_owned(), output(name, Condition::Always, target));
            stage.outputs = [only].into_iter().collect();
            program.stages.insert(edge, stage);
        })
    }
}

impl Build for Program {
    fn change(mut self, change: impl FnOnce(&mut Program)) -> Self {
        change(&mut self);
        self.sealed()
    }
}

pub fn output(name: &str, condition: Condition, target: Target) -> Box<Output> {
    Box::new(Output {
        path: format!("spec.sinks.{name}").into(),
        condition,
        steps: Box::default(),
        target,
    })
}

pub fn topic(name: &str, readers: &[&str]) -> Target {
    let subjects = readers.iter().map(|reader| Subject::new(*reader).unwrap());
    Target::Topic {
        topic: name.to_owned(),
        contract: json!(true).into(),
        publish: subjects.collect(),
        partitions: BTreeMap::new(),
    }
}

pub fn expression(source: &str) -> Expression {
    Expression {
        language: Language::Vrl,
        source: source.into(),
    }
}

pub fn when(source: &str) -> Condition {
    Condition::When(expression(source))
}

/// Messages `{"n": n}` with the ids `m<n>`.
pub fn numbers(range: std::ops::Range<u64>) -> impl Iterator<Item = (String, String)> {
    range.map(|n| (format!("m{n}"), json!({"n": n}).to_string()))
}
