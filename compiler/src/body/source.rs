//! Where messages come from, and what they look like.

use serde_json::{Value as Json, json};
use vrsky_crds::flow::Decode;
use vrsky_plan::program::{self, Input};
use vrsky_types::Type;

use super::Body;
use crate::check::{self, exactly_one};
use crate::contract::{self, Contract};
use crate::path::Path;
use crate::resolve::{self, Side};

/// What arrives at the first stage.
pub(super) struct Arrived {
    pub(super) source: program::Source,
    pub(super) input: Input,
    pub(super) payload: Type,
}

impl Body<'_, '_> {
    /// `None`: something is wrong, which was said.
    pub(super) fn source(&mut self) -> Option<Arrived> {
        match (&self.spec.source.connector, &self.spec.source.topic) {
            (Some(connector), None) => self.connector(connector),
            (None, Some(topic)) => self.topic(topic),
            _ => None,
        }
    }

    fn topic(&mut self, reference: &str) -> Option<Arrived> {
        let source = &self.spec.source;
        let at = Path::of("spec.source");
        for (field, set) in [
            ("with", source.with.is_some()),
            ("decode", source.decode.is_some()),
            ("contract", source.contract.is_some()),
        ] {
            if set {
                self.report(exactly_one::with_topic(&at, field));
            }
        }
        let context = self.context;
        let read = match resolve::read(context.world, context.signatures, self.flow, reference) {
            Ok(read) => read,
            Err(issue) => {
                self.report(*issue);
                return None;
            }
        };
        let Some(contract) = &read.topic.contract else {
            self.reports.withhold(self.flow.object);
            return None;
        };
        self.contract = Some((
            read.topic.object,
            read.topic.path.to_owned(),
            read.grant.is_some(),
        ));
        Some(Arrived {
            source: program::Source::Topic {
                topic: format!("{}/{}", read.owner, read.name),
            },
            input: Input {
                schema: contract.schema.clone(),
                check: true,
                path: "spec.source.topic".into(),
            },
            payload: contract.compiled.payload().clone(),
        })
    }

    fn connector(&mut self, name: &str) -> Option<Arrived> {
        let source = &self.spec.source;
        let path = Path::of("spec.source.connector");
        let connection = self.connect(name, Side::Source, &path)?;
        let at = Path::of("spec.source.with");
        let with = self.parameters(&connection, source.with.as_ref(), &at, None);
        let decode = match source.decode.unwrap_or_default() {
            Decode::Json => program::Decode::Json,
            Decode::Ndjson => program::Decode::Ndjson,
            Decode::Csv => program::Decode::Csv,
        };
        if decode != program::Decode::Json && connection.builtin != "file" {
            let path = Path::of("spec.source.decode");
            self.report(check::unknown_parameter::decode(&path, connection.builtin));
        }
        let (contract, check, path) = match &source.contract {
            Some(written) => match contract::compile(written, &Path::of("spec.source.contract")) {
                Ok(contract) => {
                    let below = if written.fields.is_some() {
                        "fields"
                    } else {
                        "schema"
                    };
                    self.contract = Some((
                        self.flow.object,
                        format!("spec.source.contract.{below}"),
                        false,
                    ));
                    (contract, true, "spec.source.contract")
                }
                Err(issues) => {
                    for issue in issues {
                        self.report(issue);
                    }
                    return None;
                }
            },
            None => (
                Contract::new(implied(connection.builtin, &with)).ok()?,
                false,
                "spec.source",
            ),
        };
        Some(Arrived {
            source: program::Source::Connector {
                builtin: connection.builtin.into(),
                with: with.into(),
                decode,
            },
            input: Input {
                schema: contract.schema.clone(),
                check,
                path: path.into(),
            },
            payload: contract.compiled.payload().clone(),
        })
    }
}

/// The contract that a source without one has: what its connector is known to make.
fn implied(builtin: &str, with: &Json) -> Json {
    let added = match builtin {
        "generate" => json!({"sequence": {"type": "integer"}}),
        "schedule" => json!({"time": {"type": "string"}}),
        _ => return json!({}),
    };
    let payload = with.get("payload").cloned().unwrap_or_else(|| json!({}));
    let mut schema = of_literal(&payload);
    let (Some(added), Some(Json::Object(properties))) =
        (added.as_object(), schema.get_mut("properties"))
    else {
        return json!({});
    };
    for (name, field) in added {
        properties.insert(name.clone(), field.clone());
    }
    let names: Vec<String> = properties.keys().cloned().collect();
    schema["required"] = json!(names);
    schema
}

/// The schema of exactly the shape of a value.
fn of_literal(value: &Json) -> Json {
    match value {
        Json::Null => json!({"type": "null"}),
        Json::Bool(_) => json!({"type": "boolean"}),
        Json::Number(number) if number.is_f64() => json!({"type": "number"}),
        Json::Number(_) => json!({"type": "integer"}),
        Json::String(_) => json!({"type": "string"}),
        Json::Array(_) => json!({"type": "array"}),
        Json::Object(fields) => {
            let properties: serde_json::Map<String, Json> = fields
                .iter()
                .map(|(name, value)| (name.clone(), of_literal(value)))
                .collect();
            let names: Vec<&String> = fields.keys().collect();
            json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
        }
    }
}
