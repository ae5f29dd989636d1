//! What is known of values beyond their types: keywords that a contract has checked, by the place.
//!
//! Types cannot say `format` or `enum`. A value that comes with such a keyword and goes on unchanged
//! still satisfies it; whoever follows the value can say so.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use vrl::value::Kind;

use crate::{kinds, load, validator};

/// Keywords of values, by their places in a payload: where the value exists, it satisfies them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(BTreeMap<Vec<Step>, Said>);

/// What contracts say of one place.
type Said = Vec<Arc<Map<String, Json>>>;

/// One step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The field of this name.
    Field(String),
    /// Every item of a list.
    Items,
    /// Some field or item of which nothing is known.
    Other,
}

/// Keywords that mean the same wherever they stand, of strings, numbers, lists and objects: other
/// values satisfy them anyway.
const OF_SORTS: [&str; 17] = [
    "dependentRequired",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minimum",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "pattern",
    "patternProperties",
    "propertyNames",
    "uniqueItems",
];
/// The like, of any value.
const OF_ALL: [&str; 5] = ["anyOf", "const", "enum", "not", "oneOf"];
/// Subschemas visited before the rest is passed over; references may fan out.
const BUDGET: usize = 10_000;

impl Facts {
    /// What a schema says of the values that satisfy it.
    pub(crate) fn of(schema: &Json) -> Self {
        let mut reader = Reader {
            root: schema,
            budget: BUDGET,
            open: Vec::new(),
            found: Self::default(),
        };
        reader.read(schema, &mut Vec::new());
        reader.found
    }

    /// A constant.
    pub fn constant(value: Json) -> Self {
        let map = Map::from_iter([("const".to_owned(), value)]);
        Self(BTreeMap::from([(Vec::new(), vec![Arc::new(map)])]))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of the value at a place.
    pub fn below(&self, place: &[Step]) -> Self {
        let found = self.from(place);
        Self(
            found
                .map(|(whole, known)| (whole[place.len()..].to_vec(), known.clone()))
                .collect(),
        )
    }

    /// Takes in what is known of the value at a place.
    pub fn put(&mut self, place: &[Step], value: Self) {
        for (inner, known) in value.0 {
            let whole = place.iter().cloned().chain(inner).collect();
            self.0.insert(whole, known);
        }
    }

    /// The value at a place has changed, and so has everything that it is a part of.
    pub fn forget(&mut self, place: &[Step]) {
        self.0
            .retain(|known, _| !known.starts_with(place) && !place.starts_with(known));
    }

    /// Keeps what the other knows as well.
    pub fn keep(&mut self, other: &Self) {
        self.0
            .retain(|place, known| other.0.get(place) == Some(known));
    }

    /// Whether anything is known of a value or of what is in it.
    pub(crate) fn reach(&self, place: &[Step]) -> bool {
        self.from(place).next().is_some()
    }

    /// Whether a keyword is known to hold for the value at a place, which has a kind.
    pub(crate) fn prove(&self, place: &[Step], kind: &Kind, keyword: &str, value: &Json) -> bool {
        // An absent field reads as null, of which the contract that it came with has said nothing.
        let absent = kind.contains_null();
        let known = self.0.get(place);
        known.into_iter().flatten().any(|map| {
            if let Some(constant) = map
                .get("const")
                .filter(|constant| !constant.is_array() && !constant.is_object())
                && (!absent || constant.is_null())
            {
                return holds(keyword, value, constant);
            }
            if matches!(keyword, "const" | "enum") {
                let null = !absent || listed(keyword, value).contains(&Json::Null);
                return null && lists(map, &listed(keyword, value));
            }
            let Some(given) = map.get(keyword) else {
                return false;
            };
            given == value && (!absent || OF_SORTS.contains(&keyword))
                || implies(keyword, given, value)
        })
    }

    fn from<'a>(&'a self, place: &'a [Step]) -> impl Iterator<Item = (&'a Vec<Step>, &'a Said)> {
        self.0
            .range(place.to_vec()..)
            .take_while(move |(known, _)| known.starts_with(place))
    }
}

/// Whether a constant satisfies a keyword.
fn holds(keyword: &str, value: &Json, constant: &Json) -> bool {
    (OF_SORTS.contains(&keyword) || OF_ALL.contains(&keyword))
        && !refers(value)
        && validator::Validator::new(&json!({ keyword: value }), "")
            .is_ok_and(|validator| validator.check(&constant.clone().into()).is_ok())
}

/// The values that `const` or `enum` admits.
fn listed(keyword: &str, value: &Json) -> Vec<Json> {
    match value {
        Json::Array(values) if keyword == "enum" => values.clone(),
        value => vec![value.clone()],
    }
}

/// Whether keywords admit only values of a list.
fn lists(map: &Map<String, Json>, admitted: &[Json]) -> bool {
    ["const", "enum"].into_iter().any(|keyword| {
        map.get(keyword).is_some_and(|value| {
            listed(keyword, value)
                .iter()
                .all(|value| admitted.contains(value))
        })
    })
}

/// Whether a limit is at least as strict as another one.
fn implies(keyword: &str, given: &Json, asked: &Json) -> bool {
    let (Some(given), Some(asked)) = (given.as_f64(), asked.as_f64()) else {
        return false;
    };
    match keyword {
        "exclusiveMinimum" | "minItems" | "minLength" | "minProperties" | "minimum" => {
            given >= asked
        }
        "exclusiveMaximum" | "maxItems" | "maxLength" | "maxProperties" | "maximum" => {
            given <= asked
        }
        _ => false,
    }
}

/// Whether a schema refers to others, which it does not take along.
fn refers(schema: &Json) -> bool {
    match schema {
        Json::Object(map) => map
            .iter()
            .any(|(key, value)| matches!(key.as_str(), "$ref" | "$dynamicRef") || refers(value)),
        Json::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

struct Reader<'a> {
    root: &'a Json,
    budget: usize,
    open: Vec<*const Json>,
    found: Facts,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Json, place: &mut Vec<Step>) {
        let Json::Object(map) = schema else { return };
        if self.budget == 0 || place.len() > kinds::DEPTH || self.open.len() > kinds::DEPTH {
            return;
        }
        self.budget -= 1;
        let known: Map<String, Json> = map
            .iter()
            .filter(|(keyword, value)| {
                let keyword = keyword.as_str();
                (OF_SORTS.contains(&keyword) || OF_ALL.contains(&keyword)) && !refers(value)
            })
            .map(|(keyword, value)| (keyword.clone(), value.clone()))
            .collect();
        if !known.is_empty() {
            let there = self.found.0.entry(place.clone()).or_default();
            there.push(Arc::new(known));
        }
        let properties = map.get("properties").and_then(Json::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            place.push(Step::Field(name.clone()));
            self.read(schema, place);
            place.pop();
        }
        if let Some(items) = map
            .get("items")
            .filter(|_| !map.contains_key("prefixItems"))
        {
            place.push(Step::Items);
            self.read(items, place);
            place.pop();
        }
        for schema in map
            .get("allOf")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            self.read(schema, place);
        }
        let reference = map.get("$ref").and_then(Json::as_str);
        if let Some(target) = reference.and_then(|text| load::resolve(self.root, text)) {
            let identity = std::ptr::from_ref(target);
            if !self.open.contains(&identity) {
                self.open.push(identity);
                self.read(target, place);
                self.open.pop();
            }
        }
    }
}
