//! Values of a type, for messages and tests.

use serde_json::{Map, Value, json};
use vrl::value::Kind;

use crate::kinds;

/// A small value of a kind; nothing when the kind has none.
pub(crate) fn value(kind: &Kind) -> Option<Value> {
    if kinds::is_empty(kind) {
        return None;
    }
    if kind.contains_bytes() {
        return Some(json!("text"));
    }
    if kind.contains_integer() {
        return Some(json!(1));
    }
    if kind.contains_float() {
        return Some(json!(0.5));
    }
    if kind.contains_boolean() {
        return Some(json!(true));
    }
    if kind.contains_object() {
        return object(kind, None).map(Value::Object);
    }
    if kind.contains_array() {
        return array(kind, None).map(Value::Array);
    }
    kind.contains_null().then_some(Value::Null)
}

/// The smallest object of a kind, with one field set, or left out when its value is `None`.
pub(crate) fn object(
    kind: &Kind,
    with: Option<(&str, Option<Value>)>,
) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for (field, kind) in kind.as_object()?.known() {
        if !kind.contains_undefined()
            && with
                .as_ref()
                .is_none_or(|(name, _)| *name != field.as_str())
        {
            map.insert(field.as_str().to_owned(), value(kind)?);
        }
    }
    if let Some((name, Some(value))) = with {
        map.insert(name.to_owned(), value);
    }
    Some(map)
}

/// The smallest array of a kind, with the value at one position set.
pub(crate) fn array(kind: &Kind, with: Option<(usize, &Value)>) -> Option<Vec<Value>> {
    let array = kind.as_array()?;
    let least = array
        .known()
        .values()
        .take_while(|kind| !kind.contains_undefined())
        .count();
    let length = least.max(with.as_ref().map_or(0, |(position, _)| position + 1));
    let mut items = Vec::with_capacity(length);
    for position in 0..length {
        match &with {
            Some((at, value)) if *at == position => items.push((*value).clone()),
            _ => items.push(value(
                &kinds::at(array, &position.into()).without_undefined(),
            )?),
        }
    }
    Some(items)
}
