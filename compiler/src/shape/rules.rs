//! Rules about which fields go together: the two CEL forms of the kinds, and JSON Schema's
//! `not: {required: […]}`.

use serde_json::Value as Json;

use crate::check::{Issue, exactly_one};
use crate::path::Path;

/// Which fields go together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// Exactly one of two.
    One(&'a str, &'a str),
    /// Not all of these.
    Exclude(Vec<&'a str>),
}

/// The rules of a schema.
pub(super) fn of(schema: &Json) -> Vec<Rule<'_>> {
    let mut rules = Vec::new();
    let validations = schema
        .get("x-kubernetes-validations")
        .and_then(Json::as_array);
    for validation in validations.into_iter().flatten() {
        rules.extend(
            validation
                .get("rule")
                .and_then(Json::as_str)
                .and_then(from_cel),
        );
    }
    let excluded = schema
        .get("not")
        .and_then(|not| not.get("required"))
        .and_then(Json::as_array);
    if let Some(names) = excluded {
        rules.push(Rule::Exclude(
            names.iter().filter_map(Json::as_str).collect(),
        ));
    }
    rules
}

/// `has(self.A) != has(self.B)` or `!(has(self.A) && has(self.B))`.
fn from_cel(rule: &str) -> Option<Rule<'_>> {
    fn has(text: &str) -> Option<&str> {
        let field = text.trim().strip_prefix("has(self.")?.strip_suffix(')')?;
        Some(field.strip_prefix("spec.").unwrap_or(field))
    }
    if let Some(inner) = rule
        .strip_prefix("!(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let (left, right) = inner.split_once("&&")?;
        return Some(Rule::Exclude(vec![has(left)?, has(right)?]));
    }
    let (left, right) = rule.split_once("!=")?;
    Some(Rule::One(has(left)?, has(right)?))
}

impl Rule<'_> {
    pub(super) fn check(&self, path: &Path, present: &dyn Fn(&str) -> bool) -> Option<Issue> {
        match self {
            Self::One(left, right) => match (present(left), present(right)) {
                (true, true) => Some(exactly_one::both(path, left, right)),
                (false, false) => Some(exactly_one::neither(path, left, right)),
                _ => None,
            },
            Self::Exclude(names) => {
                let all = names.iter().all(|name| present(name));
                let (first, last) = (names.first()?, names.last()?);
                all.then(|| exactly_one::both(path, first, last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Rule, from_cel};
    use serde_json::Value as Json;

    /// Rules with a check of their own: for names, and VRS0213.
    const ELSEWHERE: [&str; 2] = [
        "self.metadata.name.size() <= 40",
        "!has(self.replicas) || self.replicas <= (has(self.max) ? self.max : 1)",
    ];

    fn rules(schema: &Json, found: &mut Vec<String>) {
        match schema {
            Json::Object(fields) => {
                for (name, value) in fields {
                    if name == "rule" {
                        found.extend(value.as_str().map(str::to_owned));
                    }
                    rules(value, found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| rules(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_rule_of_the_kinds_is_understood() {
        let mut found = Vec::new();
        for definition in vrsky_crds::definitions() {
            rules(&serde_json::to_value(definition).unwrap(), &mut found);
        }
        found.retain(|rule| !ELSEWHERE.contains(&rule.as_str()));
        assert!(found.len() >= 6);
        for rule in found {
            assert!(from_cel(&rule).is_some(), "{rule}");
        }
        assert_eq!(
            from_cel("has(self.a) != has(self.spec.b)"),
            Some(Rule::One("a", "b"))
        );
    }
}
