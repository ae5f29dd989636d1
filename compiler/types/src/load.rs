//! From a JSON Schema to a type: an over-approximation. Every value that the schema admits has the
//! type; keywords that types cannot say (`pattern`, `if`, `contains`, …) widen it.

use serde_json::{Map, Value};
use vrl::value::Kind;
use vrl::value::kind::Field;

use crate::{SchemaError, kinds};

/// Subschemas visited before the rest is taken for anything. A schema whose references fan out
/// doubles with each level; it must not double our memory.
const BUDGET: usize = 10_000;

/// The kind of the values that a schema admits.
pub(crate) fn kind(schema: &Value) -> Result<Kind, SchemaError> {
    check(schema, &mut String::new(), 0)?;
    Ok(part(schema, schema, BUDGET))
}

/// The kind of the values that a part of a schema admits, from at most `budget` subschemas.
pub(crate) fn part(root: &Value, schema: &Value, budget: usize) -> Kind {
    Loader {
        root,
        budget,
        open: Vec::new(),
    }
    .kind(schema, 0)
}

/// What a local `$ref` points to.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.is_empty() {
        return Some(root);
    }
    if pointer.starts_with('/') {
        return root.pointer(&decoded(pointer));
    }
    anchor(root, pointer, 0)
}

fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| pointer.to_owned())
}

fn anchor<'a>(schema: &'a Value, name: &str, depth: usize) -> Option<&'a Value> {
    if depth > kinds::DEPTH {
        return None;
    }
    match schema {
        Value::Object(map) => {
            if map.get("$anchor").and_then(Value::as_str) == Some(name) {
                return Some(schema);
            }
            map.values()
                .find_map(|value| anchor(value, name, depth + 1))
        }
        Value::Array(list) => list.iter().find_map(|value| anchor(value, name, depth + 1)),
        _ => None,
    }
}

/// Refuses what a contract cannot be, wherever it stands.
fn check(schema: &Value, pointer: &mut String, depth: usize) -> Result<(), SchemaError> {
    let refuse = |pointer: &str, message: &str| {
        Err(SchemaError {
            pointer: pointer.to_owned(),
            message: message.to_owned(),
        })
    };
    if depth > kinds::DEPTH {
        return refuse(pointer, "the schema is nested more than 64 levels deep");
    }
    let length = pointer.len();
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match (key.as_str(), value) {
                    ("$ref" | "$dynamicRef", Value::String(text)) if !text.starts_with('#') => {
                        return refuse(
                            pointer,
                            "a contract refers only to itself: `$ref` must start with `#`",
                        );
                    }
                    ("$schema", Value::String(text))
                        if !text.trim_end_matches('#').ends_with("draft/2020-12/schema") =>
                    {
                        return refuse(
                            pointer,
                            "contracts are JSON Schema draft 2020-12; leave `$schema` out",
                        );
                    }
                    _ => check(value, pointer, depth + 1)?,
                }
                pointer.truncate(length);
            }
        }
        Value::Array(list) => {
            for (position, value) in list.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&position.to_string());
                check(value, pointer, depth + 1)?;
                pointer.truncate(length);
            }
        }
        Value::Number(number) if beyond(number) => {
            return refuse(pointer, "integers beyond 64 bits are refused; use a string");
        }
        _ => {}
    }
    Ok(())
}

/// Whether a number is an integer that 64 signed bits do not hold.
fn beyond(number: &serde_json::Number) -> bool {
    if number.as_i64().is_some() {
        return false;
    }
    // 2^63: from here on, neighbouring floats are integers that `i64` does not have.
    number.is_u64()
        || number
            .as_f64()
            .is_some_and(|float| float.fract() == 0.0 && float.abs() >= 9_223_372_036_854_775_808.0)
}

struct Loader<'a> {
    root: &'a Value,
    budget: usize,
    open: Vec<*const Value>,
}

impl<'a> Loader<'a> {
    fn kind(&mut self, schema: &'a Value, depth: usize) -> Kind {
        if self.budget == 0 || depth > kinds::DEPTH {
            return kinds::all();
        }
        self.budget -= 1;
        match schema {
            Value::Bool(false) => Kind::never(),
            Value::Object(map) => self.object(map, depth),
            _ => kinds::all(),
        }
    }

    fn object(&mut self, map: &'a Map<String, Value>, depth: usize) -> Kind {
        let mut kind = kinds::all();
        if let Some(types) = map.get("type") {
            kind = kinds::meet(&kind, &named(types));
        }
        if [
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
        ]
        .iter()
        .any(|key| map.contains_key(*key))
        {
            let fields = self.fields(map, depth);
            kind = kinds::meet(&kind, &or_others(&fields, kinds::all().without_object()));
        }
        if ["prefixItems", "items", "minItems"]
            .iter()
            .any(|key| map.contains_key(*key))
        {
            let positions = self.positions(map, depth);
            kind = kinds::meet(&kind, &or_others(&positions, kinds::all().without_array()));
        }
        if let Some(value) = map.get("const") {
            kind = kinds::meet(&kind, &literal(value, 0));
        }
        if let Some(values) = map.get("enum").and_then(Value::as_array) {
            let union = values
                .iter()
                .fold(Kind::never(), |kind, value| kind.union(literal(value, 0)));
            kind = kinds::meet(&kind, &union);
        }
        if let Some(schemas) = map.get("allOf").and_then(Value::as_array) {
            for schema in schemas {
                kind = kinds::meet(&kind, &self.kind(schema, depth + 1));
            }
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(schemas) = map.get(keyword).and_then(Value::as_array) {
                let mut union = Kind::never();
                for schema in schemas {
                    union = union.union(self.kind(schema, depth + 1));
                }
                kind = kinds::meet(&kind, &union);
            }
        }
        if let Some(types) = map.get("not").and_then(only_type) {
            kind = without(kind, &named(types));
        }
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            kind = kinds::meet(&kind, &self.reference(reference, depth));
        }
        kind
    }

    fn reference(&mut self, reference: &str, depth: usize) -> Kind {
        let Some(target) = resolve(self.root, reference) else {
            return kinds::all();
        };
        let identity = std::ptr::from_ref(target);
        if self.open.contains(&identity) {
            return kinds::all();
        }
        self.open.push(identity);
        let kind = self.kind(target, depth + 1);
        self.open.pop();
        kind
    }

    fn fields(&mut self, map: &'a Map<String, Value>, depth: usize) -> Kind {
        let mut rest = match map.get("additionalProperties") {
            Some(schema) => self.kind(schema, depth + 1),
            None => kinds::all(),
        };
        if let Some(patterns) = map.get("patternProperties").and_then(Value::as_object) {
            for schema in patterns.values() {
                rest = rest.union(self.kind(schema, depth + 1));
            }
        }
        let mut known: Vec<(Field, Kind)> = Vec::new();
        let required: Vec<&str> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            for (name, schema) in properties {
                let kind = self.kind(schema, depth + 1);
                let absent = !required.contains(&name.as_str());
                known.push((
                    name.as_str().into(),
                    if absent { kind.or_undefined() } else { kind },
                ));
            }
        }
        for name in required {
            if !known.iter().any(|(field, _)| field.as_str() == name) {
                known.push((name.into(), rest.clone()));
            }
        }
        kinds::object(known, rest)
    }

    fn positions(&mut self, map: &'a Map<String, Value>, depth: usize) -> Kind {
        let rest = match map.get("items") {
            Some(schema) => self.kind(schema, depth + 1),
            None => kinds::all(),
        };
        let least = map.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        let mut first = Vec::new();
        if let Some(schemas) = map.get("prefixItems").and_then(Value::as_array) {
            for schema in schemas {
                first.push(self.kind(schema, depth + 1).or_undefined());
            }
        }
        kinds::array(first, rest, least)
    }
}

/// Keywords for objects say nothing of other values, and likewise for arrays.
fn or_others(kind: &Kind, mut others: Kind) -> Kind {
    if let Some(object) = kind.as_object() {
        others.add_object(object.clone());
    }
    if let Some(array) = kind.as_array() {
        others.add_array(array.clone());
    }
    others
}

/// The kind that type names stand for.
pub(crate) fn named(types: &Value) -> Kind {
    let mut kind = Kind::never();
    let names: Vec<&str> = match types {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return kinds::all(),
    };
    for name in names {
        kind = kind.union(match name {
            "string" => Kind::bytes(),
            "integer" => Kind::integer(),
            "number" => Kind::integer().or_float(),
            "boolean" => Kind::boolean(),
            "null" => Kind::null(),
            "object" => kinds::object([], kinds::all()),
            "array" => kinds::array([], kinds::all(), 0),
            _ => kinds::all(),
        });
    }
    kind
}

/// The types of `{"type": …}`, if a schema says nothing else.
pub(crate) fn only_type(schema: &Value) -> Option<&Value> {
    let map = schema.as_object()?;
    if map.len() == 1 {
        map.get("type")
    } else {
        None
    }
}

fn without(mut kind: Kind, types: &Kind) -> Kind {
    if types.contains_bytes() {
        kind.remove_bytes();
    }
    if types.contains_integer() {
        kind.remove_integer();
    }
    if types.contains_float() {
        kind.remove_float();
    }
    if types.contains_boolean() {
        kind.remove_boolean();
    }
    if types.contains_null() {
        kind.remove_null();
    }
    if types.contains_object() {
        kind.remove_object();
    }
    if types.contains_array() {
        kind.remove_array();
    }
    kind
}

/// The kind of one value. JSON Schema compares numbers by value: `1` and `1.0` are the same constant.
fn literal(value: &Value, depth: usize) -> Kind {
    if depth > kinds::DEPTH {
        return kinds::all();
    }
    match value {
        Value::Null => Kind::null(),
        Value::Bool(_) => Kind::boolean(),
        Value::String(_) => Kind::bytes(),
        Value::Number(number) => {
            if number.as_f64().is_some_and(|float| float.fract() == 0.0) {
                Kind::integer().or_float()
            } else {
                Kind::float()
            }
        }
        Value::Array(items) => {
            let first: Vec<Kind> = items.iter().map(|item| literal(item, depth + 1)).collect();
            let length = first.len();
            kinds::array(first, Kind::never(), length)
        }
        Value::Object(fields) => {
            let known = fields
                .iter()
                .map(|(name, value)| (Field::from(name.as_str()), literal(value, depth + 1)));
            kinds::object(known.collect::<Vec<_>>(), Kind::never())
        }
    }
}
