//! Trees become JSON values by the rules of YAML 1.2's core schema.

use granit_parser::ScalarStyle;
use serde_json::{Map, Number, Value as Json};

use super::{Node, Scalar, Value};
use crate::path::Path;

/// A tag that means nothing here; an expression that starts with `!` becomes one.
pub(crate) struct ForeignTag {
    /// The value that has it.
    pub(crate) path: Path,
}

/// The value, and the tags that were found in it.
pub(crate) fn to_json(node: &Node) -> (Json, Vec<ForeignTag>) {
    let mut tags = Vec::new();
    let json = convert(node, &Path::default(), &mut tags);
    (json, tags)
}

fn convert(node: &Node, path: &Path, tags: &mut Vec<ForeignTag>) -> Json {
    if node.tag.is_some() {
        tags.push(ForeignTag { path: path.clone() });
    }
    match &node.value {
        Value::Scalar(scalar) => scalar_to_json(scalar),
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(place, item)| convert(item, &path.index(place), tags))
            .collect(),
        Value::Mapping(entries) => Json::Object(
            entries
                .iter()
                .map(|entry| {
                    let value = convert(&entry.value, &path.key(&entry.key), tags);
                    (entry.key.clone(), value)
                })
                .collect::<Map<_, _>>(),
        ),
    }
}

fn scalar_to_json(scalar: &Scalar) -> Json {
    if scalar.style != ScalarStyle::Plain || scalar.string {
        return Json::String(scalar.text.clone());
    }
    match scalar.text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    number(&scalar.text).map_or_else(|| Json::String(scalar.text.clone()), Json::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = text.strip_prefix('+').unwrap_or(text);
        return text.parse::<i64>().ok().map(Number::from).or_else(|| {
            text.parse::<u64>()
                .ok()
                .map(Number::from)
                .or_else(|| Number::from_f64(text.parse().ok()?))
        });
    }
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    if plain {
        return Number::from_f64(text.parse().ok()?);
    }
    None
}
