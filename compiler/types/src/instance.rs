//! VRL values as `jsonschema` reads them, in place. One thing differs from plain JSON Schema: a
//! number written with a fraction, such as `1.0`, is not an integer.

use std::borrow::Cow;

use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use jsonschema::types::JsonType;
use vrl::value::{KeyString, ObjectMap, Value};

/// The representation of VRL values.
#[derive(Debug)]
pub(crate) struct Instance;

/// A VRL number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

impl Json for Instance {
    type Node<'a> = &'a Value;
    type PreparedKey = KeyString;
    type StringBuffer = ();

    // Objects are B-trees, as in serde_json without its index.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> KeyString {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(&Value) -> T) -> T {
        f(&Value::from(string))
    }
}

impl JsonNumber for Number {
    fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(integer) => u64::try_from(*integer).ok(),
            Self::Float(_) => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Float(_) => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Float(float) => Some(*float),
        }
    }

    fn as_str(&self) -> Cow<'_, str> {
        self.to_number().to_string().into()
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(match self {
            Self::Integer(integer) => (*integer).into(),
            // An infinite float has no JSON; VRL writes it as null, and zero is as wrong.
            Self::Float(float) => serde_json::Number::from_f64(*float).unwrap_or_else(|| 0.into()),
        })
    }

    fn is_integer(&self) -> bool {
        matches!(self, Self::Integer(_))
    }

    fn is_written_as_integer(&self) -> bool {
        matches!(self, Self::Integer(_))
    }
}

impl<'a> Node<'a, Instance> for &'a Value {
    type Object = &'a ObjectMap;
    type Array = &'a [Value];
    type Number = Number;

    fn as_object(&self) -> Option<&'a ObjectMap> {
        match self {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<&'a [Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes)),
            Value::String(string) => Some(Cow::Borrowed(string)),
            Value::Timestamp(_) | Value::Regex(_) => {
                Some(Cow::Owned(self.to_string_lossy().into_owned()))
            }
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Number> {
        match self {
            Value::Integer(integer) => Some(Number::Integer(*integer)),
            Value::Float(float) => Some(Number::Float(float.into_inner())),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Value::Bytes(_) | Value::String(_) | Value::Timestamp(_) | Value::Regex(_) => {
                JsonType::String
            }
            Value::Integer(_) | Value::Float(_) => JsonType::Number,
            Value::Boolean(_) => JsonType::Boolean,
            Value::Object(_) => JsonType::Object,
            Value::Array(_) => JsonType::Array,
            Value::Null => JsonType::Null,
        }
    }

    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        Cow::Owned(serde_json::to_value(self).unwrap_or(serde_json::Value::Null))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Value>(self) as usize))
    }
}

impl<'a> Object<'a, Instance> for &'a ObjectMap {
    type Node = &'a Value;
    type MemberName = &'a str;
    type MembersIter = std::iter::Map<
        std::collections::btree_map::Iter<'a, KeyString, Value>,
        fn((&'a KeyString, &'a Value)) -> (&'a str, &'a Value),
    >;

    fn len(&self) -> usize {
        ObjectMap::len(self)
    }

    fn get(&self, key: &KeyString) -> Option<&'a Value> {
        ObjectMap::get(self, key)
    }

    fn members(&self) -> Self::MembersIter {
        self.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl<'a> Array<'a, Instance> for &'a [Value] {
    type Node = &'a Value;
    type ElementsIter = std::slice::Iter<'a, Value>;

    fn len(&self) -> usize {
        <[Value]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}
