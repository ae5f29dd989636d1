//! From a type to the schema that has exactly this type.

use serde_json::{Map, Value, json};
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field, Index};

use crate::kinds;

/// The schema of a kind without `undefined`.
pub(crate) fn schema(kind: &Kind) -> Value {
    if kinds::is_all(kind) {
        return Value::Bool(true);
    }
    if kinds::is_empty(kind) {
        return Value::Bool(false);
    }
    let mut schema = Map::new();
    if let Some(types) = types(kind) {
        schema.insert("type".to_owned(), types);
    }
    if kind.contains_float() && !kind.contains_integer() {
        schema.insert("not".to_owned(), json!({"type": "integer"}));
    }
    if let Some(object) = kind.as_object() {
        fields(object, &mut schema);
    }
    if let Some(array) = kind.as_array() {
        positions(array, &mut schema);
    }
    Value::Object(schema)
}

/// The type names; nothing when every type is admitted.
fn types(kind: &Kind) -> Option<Value> {
    let names: Vec<Value> = [
        ("array", kind.contains_array()),
        ("boolean", kind.contains_boolean()),
        ("integer", kind.contains_integer() && !kind.contains_float()),
        ("null", kind.contains_null()),
        ("number", kind.contains_float()),
        ("object", kind.contains_object()),
        ("string", kind.contains_bytes()),
    ]
    .into_iter()
    .filter(|(_, present)| *present)
    .map(|(name, _)| name.into())
    .collect();
    match names.as_slice() {
        [name] => Some(name.clone()),
        _ if names.len() == 6 && kind.contains_float() => None,
        _ => Some(names.into()),
    }
}

fn fields(object: &Collection<Field>, schema: &mut Map<String, Value>) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (field, kind) in object.known() {
        properties.insert(
            field.as_str().to_owned(),
            self::schema(&kind.without_undefined()),
        );
        if !kind.contains_undefined() {
            required.push(Value::from(field.as_str()));
        }
    }
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), properties.into());
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    let rest = self::schema(&kinds::rest(object));
    if rest != Value::Bool(true) {
        schema.insert("additionalProperties".to_owned(), rest);
    }
}

fn positions(array: &Collection<Index>, schema: &mut Map<String, Value>) {
    let first: Vec<Value> = array
        .known()
        .values()
        .map(|kind| self::schema(&kind.without_undefined()))
        .collect();
    let least = array
        .known()
        .values()
        .take_while(|kind| !kind.contains_undefined())
        .count();
    if !first.is_empty() {
        schema.insert("prefixItems".to_owned(), first.into());
    }
    if least > 0 {
        schema.insert("minItems".to_owned(), least.into());
    }
    let rest = self::schema(&kinds::rest(array));
    if rest != Value::Bool(true) {
        schema.insert("items".to_owned(), rest);
    }
}
