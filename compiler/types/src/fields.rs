//! The `fields` shorthand: `{id: string, tags: "[]string", email: optional string}`.

use serde_json::{Map, Value, json};

use crate::FieldError;

/// The types that the shorthand knows.
const TYPES: [&str; 8] = [
    "any",
    "boolean",
    "integer",
    "number",
    "object",
    "string",
    "timestamp",
    "[]…",
];

/// Lists within lists; more is a mistake.
const LISTS: usize = 8;

/// The closed object schema that the fields stand for.
pub(crate) fn schema<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Value, Vec<FieldError>> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut errors = Vec::new();
    for (name, text) in fields {
        match field(text) {
            Ok((schema, optional)) => {
                properties.insert(name.clone(), schema);
                if !optional {
                    required.push(Value::from(name.as_str()));
                }
            }
            Err(message) => errors.push(FieldError {
                field: name.clone(),
                message,
            }),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    Ok(schema.into())
}

fn field(text: &str) -> Result<(Value, bool), String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("has no type; write one of {}", TYPES.join(", ")));
    }
    match text.strip_prefix("optional") {
        Some(rest) if rest.starts_with(char::is_whitespace) => {
            Ok((nullable(r#type(rest.trim_start(), 0)?), true))
        }
        Some("") => Err("`optional` needs a type: `optional string`".to_owned()),
        _ => Ok((r#type(text, 0)?, false)),
    }
}

fn r#type(text: &str, lists: usize) -> Result<Value, String> {
    if let Some(item) = text.strip_prefix("[]") {
        if lists == LISTS {
            return Err(format!("has more than {LISTS} lists within each other"));
        }
        return Ok(json!({"type": "array", "items": r#type(item, lists + 1)?}));
    }
    match text {
        "string" | "integer" | "number" | "boolean" | "object" => Ok(json!({"type": text})),
        "timestamp" => Ok(json!({"type": "string", "format": "date-time"})),
        "any" => Ok(Value::Bool(true)),
        _ => Err(unknown(text)),
    }
}

fn nullable(mut schema: Value) -> Value {
    if let Some(r#type) = schema.get_mut("type") {
        let name = r#type.take();
        *r#type = json!([name, "null"]);
    }
    schema
}

fn unknown(text: &str) -> String {
    let meant = match text.to_ascii_lowercase().as_str() {
        "str" | "text" | "uuid" | "bytes" => Some("string"),
        "int" | "int32" | "int64" | "long" => Some("integer"),
        "float" | "double" | "decimal" => Some("number"),
        "bool" => Some("boolean"),
        "datetime" | "date-time" | "date" | "time" => Some("timestamp"),
        "map" | "struct" | "{}" => Some("object"),
        "array" | "list" | "[]" => Some("[]any"),
        lower => TYPES.iter().copied().find(|name| *name == lower),
    };
    if let Some(item) = text.strip_suffix("[]") {
        return format!("`{text}` is not a type; a list of {item} is `[]{item}`");
    }
    if let Some(inner) = text.strip_suffix('?') {
        return format!("`{text}` is not a type; write `optional {inner}`");
    }
    if text.starts_with("optional") {
        return "`optional` stands once, in front of the whole type".to_owned();
    }
    match meant {
        Some(meant) => format!("`{text}` is not a type; did you mean `{meant}`?"),
        None => format!("`{text}` is not a type; the types are {}", TYPES.join(", ")),
    }
}
