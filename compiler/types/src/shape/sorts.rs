//! The sorts of JSON values, as bits, and in words.

use serde_json::Value as Json;
use vrl::value::Value;

pub(super) const STRING: u8 = 1;
pub(super) const INTEGER: u8 = 2;
pub(super) const FLOAT: u8 = 4;
pub(super) const BOOLEAN: u8 = 8;
pub(super) const NULL: u8 = 16;
pub(super) const OBJECT: u8 = 32;
pub(super) const ARRAY: u8 = 64;
pub(super) const EVERY: u8 = 127;

/// The types that names admit; `number` admits integers.
pub(super) fn types(names: &Json) -> u8 {
    each(names)
        .map(|name| {
            if name == "number" {
                INTEGER | FLOAT
            } else {
                one(name)
            }
        })
        .fold(0, |all, one| all | one)
}

fn each(names: &Json) -> impl Iterator<Item = &str> {
    let single = names.as_str();
    single.into_iter().chain(
        names
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str),
    )
}

fn one(name: &str) -> u8 {
    match name {
        "string" => STRING,
        "integer" => INTEGER,
        "boolean" => BOOLEAN,
        "null" => NULL,
        "object" => OBJECT,
        "array" => ARRAY,
        _ => 0,
    }
}

pub(super) fn sort(value: &Value) -> u8 {
    match value {
        Value::Bytes(_) | Value::String(_) | Value::Timestamp(_) | Value::Regex(_) => STRING,
        Value::Integer(_) => INTEGER,
        Value::Float(_) => FLOAT,
        Value::Boolean(_) => BOOLEAN,
        Value::Null => NULL,
        Value::Object(_) => OBJECT,
        Value::Array(_) => ARRAY,
    }
}

pub(super) fn found(sort: u8) -> &'static str {
    match sort {
        STRING => "a string",
        INTEGER => "an integer",
        FLOAT => "a number with a fraction",
        BOOLEAN => "a boolean",
        NULL => "null",
        OBJECT => "an object",
        _ => "an array",
    }
}

pub(super) fn expected(types: u8) -> String {
    let mut names = Vec::new();
    for (bit, name) in [
        (ARRAY, "an array"),
        (BOOLEAN, "a boolean"),
        (OBJECT, "an object"),
        (STRING, "a string"),
    ] {
        if types & bit != 0 {
            names.push(name);
        }
    }
    match (types & INTEGER != 0, types & FLOAT != 0) {
        (true, true) => names.push("a number"),
        (true, false) => names.push("an integer"),
        (false, true) => names.push("a number with a fraction"),
        (false, false) => {}
    }
    if types & NULL != 0 {
        names.push("null");
    }
    match names.as_slice() {
        [] => "no value at all".to_owned(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
