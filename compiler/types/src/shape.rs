//! The native checker: schemas that say only what types can say, and scalar keywords at leaves.
//! Objects are checked by walking two sorted lists side by side, without a lookup or an allocation.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use vrl::value::{KeyString, Value};

use crate::{SchemaError, Violation, kinds, validator};

/// What a value must look like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    types: u8,
    fields: Option<Box<Fields>>,
    positions: Option<Box<Positions>>,
    strings: Option<Box<[String]>>,
    scalar: Option<Arc<validator::Validator>>,
}

#[derive(Clone, Debug)]
struct Fields {
    /// Sorted by name.
    known: Vec<Field>,
    rest: Rest,
}

#[derive(Clone, Debug)]
struct Field {
    name: KeyString,
    required: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
struct Positions {
    first: Vec<Shape>,
    rest: Rest,
    least: usize,
    most: usize,
}

#[derive(Clone, Debug)]
enum Rest {
    Any,
    None,
    Each(Shape),
}

const STRING: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 4;
const BOOLEAN: u8 = 8;
const NULL: u8 = 16;
const OBJECT: u8 = 32;
const ARRAY: u8 = 64;
const EVERY: u8 = 127;

/// Keywords that say nothing of a value.
const SILENT: [&str; 12] = [
    "$comment",
    "$defs",
    "$schema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
    "$vocabulary",
];

/// Keywords for strings and numbers; they never look into objects and arrays.
const SCALAR: [&str; 9] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
];

/// A violation under construction; the path is collected only when there is one.
struct Fault {
    /// Innermost first.
    path: Vec<Segment>,
    message: String,
}

enum Segment {
    Field(KeyString),
    Position(usize),
}

impl Shape {
    /// The checker of a schema; nothing when the schema needs more than a shape can say.
    pub(crate) fn new(schema: &Json) -> Result<Option<Self>, SchemaError> {
        Self::at(schema, &mut String::new(), 0)
    }

    fn at(schema: &Json, pointer: &mut String, depth: usize) -> Result<Option<Self>, SchemaError> {
        let every = Self {
            types: EVERY,
            fields: None,
            positions: None,
            strings: None,
            scalar: None,
        };
        if depth > kinds::DEPTH {
            return Ok(None);
        }
        let map = match schema {
            Json::Bool(true) => return Ok(Some(every)),
            Json::Bool(false) => return Ok(Some(Self { types: 0, ..every })),
            Json::Object(map) => map,
            _ => return Ok(None),
        };
        let mut shape = every;
        let mut scalar = Map::new();
        for (keyword, value) in map {
            match keyword.as_str() {
                "type" => shape.types &= types(value),
                "not" => match crate::load::only_type(value) {
                    Some(names) => shape.types &= !types(names),
                    None => return Ok(None),
                },
                "enum" => match strings(value) {
                    Some(strings) => {
                        shape.types &= STRING;
                        shape.strings = Some(strings);
                    }
                    None => return Ok(None),
                },
                "const" => match value {
                    Json::String(text) => {
                        shape.types &= STRING;
                        if shape
                            .strings
                            .as_ref()
                            .is_some_and(|strings| !strings.contains(text))
                        {
                            shape.types = 0;
                        }
                        shape.strings = Some([text.clone()].into());
                    }
                    _ => return Ok(None),
                },
                "properties"
                | "required"
                | "additionalProperties"
                | "prefixItems"
                | "items"
                | "minItems"
                | "maxItems" => {}
                name if SCALAR.contains(&name) => {
                    scalar.insert(keyword.clone(), value.clone());
                }
                name if SILENT.contains(&name) || name.starts_with("x-") => {}
                _ => return Ok(None),
            }
        }
        if map.contains_key("enum") && map.contains_key("const") {
            return Ok(None);
        }
        if ["properties", "required", "additionalProperties"]
            .iter()
            .any(|keyword| map.contains_key(*keyword))
        {
            let Some(fields) = fields(map, pointer, depth)? else {
                return Ok(None);
            };
            shape.fields = Some(Box::new(fields));
        }
        if ["prefixItems", "items", "minItems", "maxItems"]
            .iter()
            .any(|keyword| map.contains_key(*keyword))
        {
            let Some(positions) = positions(map, pointer, depth)? else {
                return Ok(None);
            };
            shape.positions = Some(Box::new(positions));
        }
        if !scalar.is_empty() {
            shape.scalar = Some(Arc::new(validator::Validator::new(
                &Json::Object(scalar),
                pointer,
            )?));
        }
        Ok(Some(shape))
    }

    /// Checks one value.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Violation> {
        self.value(value).map_err(|fault| {
            let mut field = String::new();
            for segment in fault.path.iter().rev() {
                match segment {
                    Segment::Field(name) => crate::path::push_field(&mut field, name),
                    Segment::Position(position) => {
                        crate::path::push_position(&mut field, *position)
                    }
                }
            }
            Violation {
                field: crate::path::or_root(field),
                message: fault.message,
            }
        })
    }

    fn value(&self, value: &Value) -> Result<(), Fault> {
        let sort = sort(value);
        if self.types & sort == 0 {
            return Err(fault(format!(
                "expected {}, found {}",
                expected(self.types),
                found(sort)
            )));
        }
        match value {
            Value::Object(map) => match &self.fields {
                Some(fields) => fields.check(map),
                None => Ok(()),
            },
            Value::Array(items) => match &self.positions {
                Some(positions) => positions.check(items),
                None => Ok(()),
            },
            _ => self.scalar(value),
        }
    }

    fn scalar(&self, value: &Value) -> Result<(), Fault> {
        if let Some(strings) = &self.strings {
            let text = value.to_string_lossy();
            if !strings.iter().any(|string| *string == text) {
                return Err(fault(format!(
                    "is not one of the {} values that the contract lists",
                    strings.len()
                )));
            }
        }
        match &self.scalar {
            Some(validator) => validator
                .check(value)
                .map_err(|violation| fault(violation.message)),
            None => Ok(()),
        }
    }
}

impl Fields {
    fn check(&self, map: &vrl::value::ObjectMap) -> Result<(), Fault> {
        let mut known = self.known.iter().peekable();
        for (name, value) in map {
            while let Some(missing) = known.next_if(|field| field.name < *name) {
                missing.absent()?;
            }
            match known.next_if(|field| field.name == *name) {
                Some(field) => field
                    .shape
                    .value(value)
                    .map_err(|fault| within(fault, Segment::Field(name.clone())))?,
                None => match &self.rest {
                    Rest::Any => {}
                    Rest::None => {
                        let fault = fault("is not declared by the contract".to_owned());
                        return Err(within(fault, Segment::Field(name.clone())));
                    }
                    Rest::Each(shape) => {
                        shape
                            .value(value)
                            .map_err(|fault| within(fault, Segment::Field(name.clone())))?;
                    }
                },
            }
        }
        known.try_for_each(Field::absent)
    }
}

impl Field {
    fn absent(&self) -> Result<(), Fault> {
        if self.required {
            let fault = fault("is required and missing".to_owned());
            return Err(within(fault, Segment::Field(self.name.clone())));
        }
        Ok(())
    }
}

impl Positions {
    fn check(&self, items: &[Value]) -> Result<(), Fault> {
        if items.len() < self.least {
            return Err(fault(format!("has fewer than {} items", self.least)));
        }
        if items.len() > self.most {
            return Err(fault(format!("has more than {} items", self.most)));
        }
        for (position, item) in items.iter().enumerate() {
            let shape = match (self.first.get(position), &self.rest) {
                (Some(shape), _) | (None, Rest::Each(shape)) => shape,
                (None, Rest::Any) => return Ok(()),
                (None, Rest::None) => {
                    return Err(fault(format!("has more than {} items", self.first.len())));
                }
            };
            shape
                .value(item)
                .map_err(|fault| within(fault, Segment::Position(position)))?;
        }
        Ok(())
    }
}

fn fields(
    map: &Map<String, Json>,
    pointer: &mut String,
    depth: usize,
) -> Result<Option<Fields>, SchemaError> {
    let required: Vec<&str> = map
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let Some(rest) = rest(
        map.get("additionalProperties"),
        "additionalProperties",
        pointer,
        depth,
    )?
    else {
        return Ok(None);
    };
    let mut known = Vec::new();
    for (name, schema) in map
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        let length = pointer.len();
        pointer.push_str("/properties/");
        pointer.push_str(name);
        let Some(shape) = Shape::at(schema, pointer, depth + 1)? else {
            return Ok(None);
        };
        pointer.truncate(length);
        let name = name.as_str();
        known.push(Field {
            name: name.into(),
            required: required.contains(&name),
            shape,
        });
    }
    for name in required {
        if !known.iter().any(|field| field.name.as_str() == name) {
            let shape = match &rest {
                Rest::Any => Shape {
                    types: EVERY,
                    fields: None,
                    positions: None,
                    strings: None,
                    scalar: None,
                },
                // Required and forbidden: no object passes, and the message says which field.
                Rest::None => Shape {
                    types: 0,
                    fields: None,
                    positions: None,
                    strings: None,
                    scalar: None,
                },
                Rest::Each(shape) => shape.clone(),
            };
            known.push(Field {
                name: name.into(),
                required: true,
                shape,
            });
        }
    }
    known.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Some(Fields { known, rest }))
}

fn positions(
    map: &Map<String, Json>,
    pointer: &mut String,
    depth: usize,
) -> Result<Option<Positions>, SchemaError> {
    let Some(rest) = rest(map.get("items"), "items", pointer, depth)? else {
        return Ok(None);
    };
    let mut first = Vec::new();
    for schema in map
        .get("prefixItems")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let Some(shape) = Shape::at(schema, pointer, depth + 1)? else {
            return Ok(None);
        };
        first.push(shape);
    }
    let bound = |keyword: &str| {
        map.get(keyword)
            .and_then(Json::as_u64)
            .map(|bound| usize::try_from(bound).unwrap_or(usize::MAX))
    };
    if ["minItems", "maxItems"]
        .iter()
        .any(|keyword| map.contains_key(*keyword) && bound(keyword).is_none())
    {
        return Ok(None);
    }
    Ok(Some(Positions {
        first,
        rest,
        least: bound("minItems").unwrap_or(0),
        most: bound("maxItems").unwrap_or(usize::MAX),
    }))
}

fn rest(
    schema: Option<&Json>,
    keyword: &str,
    pointer: &mut String,
    depth: usize,
) -> Result<Option<Rest>, SchemaError> {
    match schema {
        None | Some(Json::Bool(true)) => Ok(Some(Rest::Any)),
        Some(Json::Bool(false)) => Ok(Some(Rest::None)),
        Some(schema) => {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(keyword);
            let shape = Shape::at(schema, pointer, depth + 1)?;
            pointer.truncate(length);
            Ok(shape.map(Rest::Each))
        }
    }
}

/// The types that names admit; `number` admits integers.
fn types(names: &Json) -> u8 {
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

fn strings(values: &Json) -> Option<Box<[String]>> {
    values
        .as_array()?
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn sort(value: &Value) -> u8 {
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

fn found(sort: u8) -> &'static str {
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

fn expected(types: u8) -> String {
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

fn fault(message: String) -> Fault {
    Fault {
        path: Vec::new(),
        message,
    }
}

fn within(mut fault: Fault, segment: Segment) -> Fault {
    fault.path.push(segment);
    fault
}
