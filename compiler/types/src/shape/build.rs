//! From a schema to its checker.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::sorts::{EVERY, STRING, types};
use super::{Field, Fields, Positions, Rest, Shape};
use crate::{SchemaError, kinds, validator};

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

fn strings(values: &Json) -> Option<Box<[String]>> {
    values
        .as_array()?
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}
