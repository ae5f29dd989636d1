//! Steps, one after the other.

use vrsky_crds::flow;
use vrsky_expression::{Filter, Map};
use vrsky_plan::program::{Action, Expression, Language, Step};
use vrsky_types::Type;

use super::Body;
use crate::check::{At, invalid_name};
use crate::path::Path;

/// An expression as a program has it.
pub(super) fn vrl(source: &str) -> Expression {
    Expression {
        language: Language::Vrl,
        source: source.into(),
    }
}

impl Body<'_, '_> {
    /// Types steps against what arrives. Without a type (something before was wrong) nothing is said
    /// of expressions. The second result is the type of what leaves.
    pub(super) fn steps(
        &mut self,
        written: &[flow::Step],
        path: &Path,
        prefix: &str,
        arrives: Option<Type>,
    ) -> (Vec<Step>, Option<Type>) {
        let mut payload = arrives;
        let mut steps = Vec::with_capacity(written.len());
        for (place, step) in written.iter().enumerate() {
            let at = path.index(place);
            let name = step
                .name
                .clone()
                .unwrap_or_else(|| format!("{prefix}step-{}", place + 1));
            if step.name.is_some() && vrsky_plan::TenantName::new(name.clone()).is_err() {
                self.report(invalid_name::issue(&at.key("name"), At::Value, &name, 40));
            }
            let (field, text, action) = match (&step.filter, &step.map) {
                (Some(text), None) => ("filter", text, Action::Filter(vrl(text))),
                (None, Some(text)) => ("map", text, Action::Map(vrl(text))),
                _ => continue,
            };
            let below = at.key(field);
            payload =
                payload.and_then(|payload| self.step(field == "filter", text, &payload, &below));
            steps.push(Step {
                name: name.into(),
                path: below.to_string().into(),
                action,
            });
        }
        (steps, payload)
    }

    fn step(&mut self, filter: bool, text: &str, payload: &Type, path: &Path) -> Option<Type> {
        let compiled = if filter {
            Filter::compile(text, payload).map(|(_, passes)| passes)
        } else {
            Map::compile(text, payload).map(|(_, made)| made)
        };
        match compiled {
            Ok(payload) => Some(payload),
            Err(mistakes) => {
                self.mistakes(path, text, mistakes);
                None
            }
        }
    }
}
