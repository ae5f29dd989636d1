//! One walk for every schema: the kinds' own (what the API server checks) and connectors' parameters.
//!
//! The schemas are those of the `CustomResourceDefinition`s and of Connector manifests, so no rule
//! stands in two places. The two CEL forms that the kinds use are understood as well.

pub(crate) mod formats;
mod rules;

use serde_json::{Map, Value as Json};

use crate::check::{self, Issue};
use crate::path::Path;

/// What a schema belongs to; it decides the codes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A kind's `spec`.
    Kind,
    /// Parameters, all of them.
    Parameters,
    /// Parameters, of which others will set the rest.
    SomeParameters,
}

/// What a walk found.
#[derive(Default)]
pub(crate) struct Walked {
    /// What is wrong.
    pub(crate) issues: Vec<Issue>,
    /// Values computed from the message, `{expr: …}`: the path of the text and the text.
    pub(crate) expressions: Vec<(Path, String)>,
    /// Text in clear that no schema calls secret.
    pub(crate) literals: Vec<(Path, String)>,
}

/// Walks a value beside its schema.
pub(crate) fn walk(value: &Json, schema: &Json, path: &Path, dialect: Dialect) -> Walked {
    let mut walk = Walk {
        dialect,
        found: Walked::default(),
    };
    walk.value(value, schema, path);
    walk.found
}

struct Walk {
    dialect: Dialect,
    found: Walked,
}

impl Walk {
    fn report(&mut self, issue: Issue) {
        self.found.issues.push(issue);
    }

    fn value(&mut self, value: &Json, schema: &Json, path: &Path) {
        let flag = |name: &str| schema.get(name).and_then(Json::as_bool).unwrap_or(false);
        if flag("x-vrsky-secret") {
            self.secret(value, path);
            return;
        }
        if flag("x-vrsky-expression") && self.expression(value, path) {
            return;
        }
        if value.is_null() && flag("nullable") {
            return;
        }
        if let Some(expected) = schema.get("type").and_then(Json::as_str)
            && !has_type(value, expected)
        {
            let issue = check::wrong_type::issue(self.dialect, path, expected, value);
            self.report(issue);
            return;
        }
        self.alternatives(value, schema, path);
        match value {
            Json::String(text) => self.text(text, schema, path),
            Json::Number(number) => self.number(number, schema, path),
            Json::Array(items) => self.list(items, schema, path),
            Json::Object(fields) => self.object(fields, schema, path),
            Json::Null | Json::Bool(_) => {}
        }
    }

    fn alternatives(&mut self, value: &Json, schema: &Json, path: &Path) {
        let Some(allowed) = schema.get("enum").and_then(Json::as_array) else {
            return;
        };
        if !allowed.contains(value) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Json::as_str).collect();
            let issue = check::invalid_value::not_one_of(self.dialect, path, value, &allowed);
            self.report(issue);
        }
    }

    fn text(&mut self, text: &str, schema: &Json, path: &Path) {
        self.found.literals.push((path.clone(), text.to_owned()));
        // Expressions have limits, and a code, of their own.
        let expression = self.dialect == Dialect::Kind
            && matches!(path.last_key(), Some("filter" | "map" | "when"));
        let length = text.chars().count() as u64;
        let bound = |name: &str| schema.get(name).and_then(Json::as_u64);
        if !expression && bound("maxLength").is_some_and(|most| length > most) {
            let most = bound("maxLength").unwrap_or_default();
            let message = format!("{length} characters, at most {most} are possible");
            self.invalid(path, message, None);
        }
        if bound("minLength").is_some_and(|least| length < least) {
            self.invalid(path, "empty".to_owned(), None);
        }
        let format = ["format", "pattern"]
            .into_iter()
            .filter_map(|name| schema.get(name).and_then(Json::as_str))
            .find_map(formats::Format::of);
        if let Some(format) = format
            && let Err(message) = format.check(text)
        {
            self.invalid(path, message, Some(format.help()));
        }
    }

    fn invalid(&mut self, path: &Path, message: String, help: Option<&str>) {
        let issue = check::invalid_value::issue(self.dialect, path, message, help);
        self.report(issue);
    }

    fn number(&mut self, number: &serde_json::Number, schema: &Json, path: &Path) {
        let Some(number) = number.as_f64() else {
            return;
        };
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            self.invalid(path, format!("{number} is less than {least}"), None);
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            self.invalid(path, format!("{number} is more than {most}"), None);
        }
    }

    fn list(&mut self, items: &[Json], schema: &Json, path: &Path) {
        let bound = |name: &str| schema.get(name).and_then(Json::as_u64);
        if bound("maxItems").is_some_and(|most| items.len() as u64 > most) {
            let most = bound("maxItems").unwrap_or_default();
            self.invalid(
                path,
                format!("{} items, at most {most} are possible", items.len()),
                None,
            );
        }
        if bound("minItems").is_some_and(|least| (items.len() as u64) < least) {
            self.invalid(path, "an empty list".to_owned(), None);
        }
        if let Some(schema) = schema.get("items") {
            for (place, item) in items.iter().enumerate() {
                self.value(item, schema, &path.index(place));
            }
        }
    }

    fn object(&mut self, fields: &Map<String, Json>, schema: &Json, path: &Path) {
        self.members(fields, schema, path);
        let present = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
        if self.dialect != Dialect::SomeParameters {
            for name in schema
                .get("required")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
            {
                if let Some(name) = name.as_str()
                    && !fields.contains_key(name)
                {
                    let issue = check::missing_field::issue(self.dialect, path, name);
                    self.report(issue);
                }
            }
            let least = schema.get("minProperties").and_then(Json::as_u64);
            if least.is_some_and(|least| (fields.len() as u64) < least) {
                self.invalid(path, "empty: at least one field is needed".to_owned(), None);
            }
        }
        if let Some(most) = schema.get("maxProperties").and_then(Json::as_u64)
            && fields.len() as u64 > most
        {
            self.invalid(
                path,
                format!("{} fields, at most {most} are possible", fields.len()),
                None,
            );
        }
        for rule in rules::of(schema) {
            if let Some(issue) = rule.check(path, &present) {
                self.report(issue);
            }
        }
    }

    fn members(&mut self, fields: &Map<String, Json>, schema: &Json, path: &Path) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        let free = schema
            .get("x-kubernetes-preserve-unknown-fields")
            .and_then(Json::as_bool)
            .unwrap_or(false)
            || (properties.is_none() && others.is_none());
        for (name, value) in fields {
            let below = path.key(name);
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                self.value(value, schema, &below);
            } else if let Some(schema) = others.filter(|schema| schema.is_object()) {
                self.value(value, schema, &below);
            } else if !free {
                let known = properties
                    .into_iter()
                    .flat_map(Map::keys)
                    .map(String::as_str);
                let issue = check::unknown_field::issue(self.dialect, &below, name, known);
                self.report(issue);
            }
        }
    }

    fn secret(&mut self, value: &Json, path: &Path) {
        let Some(fields) = value
            .as_object()
            .filter(|fields| fields.contains_key("secretRef"))
        else {
            self.report(check::clear_secret::issue(path));
            return;
        };
        let at = path.key("secretRef");
        for name in fields.keys().filter(|name| *name != "secretRef") {
            let issue = check::unknown_field::issue(
                self.dialect,
                &path.key(name),
                name,
                ["secretRef"].into_iter(),
            );
            self.report(issue);
        }
        let Some(reference) = fields["secretRef"].as_object() else {
            let issue = check::wrong_type::issue(self.dialect, &at, "object", &fields["secretRef"]);
            self.report(issue);
            return;
        };
        for (name, value) in reference {
            let below = at.key(name);
            match name.as_str() {
                "namespace" => self.report(check::foreign_secret::issue(&below)),
                "name" | "key" => match value.as_str() {
                    Some(text) if formats::secret_part(text) => {}
                    Some(_) => self.invalid(
                        &below,
                        "not a name of a Secret or of a key in it".to_owned(),
                        None,
                    ),
                    None => {
                        let issue = check::wrong_type::issue(self.dialect, &below, "string", value);
                        self.report(issue);
                    }
                },
                _ => {
                    let issue = check::unknown_field::issue(
                        self.dialect,
                        &below,
                        name,
                        ["name", "key"].into_iter(),
                    );
                    self.report(issue);
                }
            }
        }
        for name in ["name", "key"] {
            if !reference.contains_key(name) {
                let issue = check::missing_field::issue(self.dialect, &at, name);
                self.report(issue);
            }
        }
    }

    /// Whether the value is an expression; a literal is checked like any other value.
    fn expression(&mut self, value: &Json, path: &Path) -> bool {
        let Some(fields) = value
            .as_object()
            .filter(|fields| fields.contains_key("expr"))
        else {
            return false;
        };
        for name in fields.keys().filter(|name| *name != "expr") {
            let issue = check::unknown_field::issue(
                self.dialect,
                &path.key(name),
                name,
                ["expr"].into_iter(),
            );
            self.report(issue);
        }
        let below = path.key("expr");
        if let Some(text) = fields["expr"].as_str() {
            self.found.expressions.push((below, text.to_owned()));
        } else {
            let issue = check::wrong_type::issue(self.dialect, &below, "string", &fields["expr"]);
            self.report(issue);
        }
        true
    }
}

fn has_type(value: &Json, expected: &str) -> bool {
    match expected {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}
