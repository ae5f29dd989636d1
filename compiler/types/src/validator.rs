//! The `jsonschema` crate behind our words: offline, draft 2020-12, formats asserted, and messages
//! that name keywords and limits but never the payload's values.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, ValidationError};
use serde_json::Value as Json;
use vrl::value::Value;

use crate::instance::Instance;
use crate::{SchemaError, Violation, path};

/// A compiled schema.
#[derive(Clone, Debug)]
pub(crate) struct Validator(jsonschema::Validator<Instance>);

/// Checks a schema against the meta-schema.
pub(crate) fn well_formed(schema: &Json) -> Result<(), SchemaError> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| refused(&error, ""))
}

impl Validator {
    /// Compiles a schema that stands at `pointer` of a contract.
    pub(crate) fn new(schema: &Json, pointer: &str) -> Result<Self, SchemaError> {
        jsonschema::options_for::<Instance>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(schema)
            .map(Self)
            .map_err(|error| refused(&error, pointer))
    }

    /// Checks one value.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Violation> {
        // The plain answer is several times faster than the one with a location.
        if self.0.is_valid(value) {
            return Ok(());
        }
        match self.0.validate(value) {
            Ok(()) => Ok(()),
            Err(error) => Err(violation(&error)),
        }
    }
}

fn refused(error: &ValidationError<'_>, pointer: &str) -> SchemaError {
    let message: String = match error.kind() {
        ValidationErrorKind::Referencing(_) => {
            "a `$ref` points to nothing in this contract".to_owned()
        }
        _ => error
            .to_string()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(200)
            .collect(),
    };
    SchemaError {
        pointer: format!("{pointer}{}", error.instance_path().as_str()),
        message,
    }
}

fn violation(error: &ValidationError<'_>) -> Violation {
    let mut field = String::new();
    for segment in error.instance_path().segments() {
        match segment {
            LocationSegment::Property(name) => path::push_field(&mut field, &name),
            LocationSegment::Index(position) => path::push_position(&mut field, position),
        }
    }
    if let ValidationErrorKind::Required {
        property: Json::String(name),
    } = error.kind()
    {
        path::push_field(&mut field, name);
    }
    if let ValidationErrorKind::AdditionalProperties { unexpected }
    | ValidationErrorKind::UnevaluatedProperties { unexpected } = error.kind()
        && let [name, ..] = unexpected.as_slice()
    {
        path::push_field(&mut field, name);
    }
    Violation {
        field: path::or_root(field),
        message: message(error.kind()),
    }
}

fn message(kind: &ValidationErrorKind) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "is not declared by the contract".to_owned()
        }
        Kind::Required { .. } => "is required and missing".to_owned(),
        Kind::Type {
            kind: TypeKind::Single(r#type),
        } => format!("is not of type {type}"),
        Kind::Type {
            kind: TypeKind::Multiple(types),
        } => {
            let names: Vec<&str> = types
                .iter()
                .map(jsonschema::types::JsonType::as_str)
                .collect();
            format!("is not of type {}", names.join(" or "))
        }
        Kind::Format { format } => format!("is not of format `{format}`"),
        Kind::Minimum { limit } => format!("is less than {limit}"),
        Kind::Maximum { limit } => format!("is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is not less than {limit}"),
        Kind::MinLength { limit } => format!("is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters"),
        Kind::MinItems { limit } => format!("has fewer than {limit} items"),
        Kind::MaxItems { limit } => format!("has more than {limit} items"),
        Kind::Pattern { .. } => "doesn't match the contract's `pattern`".to_owned(),
        Kind::Enum { .. } => "is not one of the values that the contract lists".to_owned(),
        Kind::Constant { .. } => "is not the constant that the contract asks for".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        other => format!("doesn't satisfy `{}`", other.keyword()),
    }
}
