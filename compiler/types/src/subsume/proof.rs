//! Whether each keyword of a schema holds for a whole type.

use serde_json::{Map, Value as Json};
use vrl::value::Kind;

use super::excess;
use crate::{kinds, load, path};

/// The first keyword that may not hold.
pub(super) struct Unproven {
    pub(super) field: String,
    pub(super) reason: String,
}

/// A proof under way.
pub(super) struct Proof<'a> {
    root: &'a Json,
    /// References being proved, with the kind they are proved for: values are finite, so meeting the
    /// same question again below itself proves it.
    assumed: Vec<(*const Json, Kind)>,
    path: String,
    steps: usize,
}

/// Steps after which a proof gives up; a hostile schema must not cost more.
const STEPS: usize = 20_000;

impl<'a> Proof<'a> {
    /// Begins a proof.
    pub(super) fn new(root: &'a Json) -> Self {
        Self {
            root,
            assumed: Vec::new(),
            path: String::new(),
            steps: 0,
        }
    }

    /// Whether every value of a kind satisfies a part of the schema.
    pub(super) fn prove(&mut self, kind: &Kind, schema: &'a Json) -> Result<(), Unproven> {
        self.steps += 1;
        if kinds::is_empty(kind) {
            return Ok(());
        }
        if self.steps > STEPS {
            return Err(self.unproven("the contract is too large to prove"));
        }
        let map = match schema {
            Json::Bool(false) => return Err(self.unproven("the contract admits no value here")),
            Json::Object(map) => map,
            _ => return Ok(()),
        };
        for (keyword, value) in map {
            self.keyword(kind, map, keyword, value)?;
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        kind: &Kind,
        map: &'a Map<String, Json>,
        keyword: &str,
        value: &'a Json,
    ) -> Result<(), Unproven> {
        let (text, number) = (
            kind.contains_bytes(),
            kind.contains_integer() || kind.contains_float(),
        );
        let holds = match keyword {
            "type" => excess(kind, &load::named(value), 0).is_none(),
            "properties" | "additionalProperties" | "required" => {
                return self.fields(kind, map, keyword);
            }
            "patternProperties"
            | "propertyNames"
            | "minProperties"
            | "maxProperties"
            | "dependentRequired"
            | "dependentSchemas"
            | "unevaluatedProperties" => !kind.contains_object(),
            "items" | "prefixItems" | "minItems" => return self.positions(kind, map, keyword),
            "maxItems" | "uniqueItems" | "contains" | "unevaluatedItems" => !kind.contains_array(),
            "pattern" | "minLength" | "maxLength" | "format" => !text,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                !number
            }
            "const" => listed(kind, std::slice::from_ref(value)),
            "enum" => value.as_array().is_some_and(|values| listed(kind, values)),
            "allOf" => {
                return value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .try_for_each(|schema| self.prove(kind, schema));
            }
            "anyOf" => return self.any_of(kind, value),
            "not" => load::only_type(value)
                .is_some_and(|types| kinds::is_empty(&kinds::meet(kind, &load::named(types)))),
            "$ref" => return self.reference(kind, value),
            "oneOf" | "if" | "then" | "else" => map.get("if").is_none() && keyword != "oneOf",
            "$dynamicRef" => false,
            _ => true,
        };
        if holds {
            Ok(())
        } else {
            Err(self.unproven(&format!("`{keyword}` is checked on each message")))
        }
    }

    fn any_of(&mut self, kind: &Kind, value: &'a Json) -> Result<(), Unproven> {
        let length = self.path.len();
        for schema in value.as_array().into_iter().flatten() {
            if self.prove(kind, schema).is_ok() {
                return Ok(());
            }
            self.path.truncate(length);
        }
        Err(self.unproven("`anyOf` is checked on each message"))
    }

    fn reference(&mut self, kind: &Kind, value: &'a Json) -> Result<(), Unproven> {
        let Some(target) = value
            .as_str()
            .and_then(|reference| load::resolve(self.root, reference))
        else {
            return Err(self.unproven("`$ref` is checked on each message"));
        };
        let question = (std::ptr::from_ref(target), kind.clone());
        if self
            .assumed
            .iter()
            .any(|(target, kind)| *target == question.0 && kinds::same(kind, &question.1))
        {
            return Ok(());
        }
        if self.assumed.len() > kinds::DEPTH {
            return Err(self.unproven("`$ref` is checked on each message"));
        }
        self.assumed.push(question);
        let result = self.prove(kind, target);
        self.assumed.pop();
        result
    }

    fn fields(
        &mut self,
        kind: &Kind,
        map: &'a Map<String, Json>,
        keyword: &str,
    ) -> Result<(), Unproven> {
        let Some(object) = kind.as_object() else {
            return Ok(());
        };
        let properties = map.get("properties").and_then(Json::as_object);
        match keyword {
            "required" => {
                for name in map["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                {
                    if kinds::at(object, &name.into()).contains_undefined() {
                        return self.below(name, |proof| Err(proof.unproven("may be missing")));
                    }
                }
            }
            "properties" => {
                for (name, schema) in properties.into_iter().flatten() {
                    let found = kinds::at(object, &name.as_str().into()).without_undefined();
                    self.below(name, |proof| proof.prove(&found, schema))?;
                }
            }
            _ => {
                let schema = &map["additionalProperties"];
                let patterns = map.contains_key("patternProperties");
                for (field, found) in object.known() {
                    if patterns
                        || properties
                            .is_some_and(|properties| properties.contains_key(field.as_str()))
                    {
                        continue;
                    }
                    self.below(field.as_str(), |proof| {
                        proof.prove(&found.without_undefined(), schema)
                    })?;
                }
                self.below("*", |proof| proof.prove(&kinds::rest(object), schema))?;
            }
        }
        Ok(())
    }

    fn positions(
        &mut self,
        kind: &Kind,
        map: &'a Map<String, Json>,
        keyword: &str,
    ) -> Result<(), Unproven> {
        let Some(array) = kind.as_array() else {
            return Ok(());
        };
        let first = map
            .get("prefixItems")
            .and_then(Json::as_array)
            .map_or(&[][..], Vec::as_slice);
        match keyword {
            "minItems" => {
                let least = array
                    .known()
                    .values()
                    .take_while(|kind| !kind.contains_undefined())
                    .count() as u64;
                if map["minItems"].as_u64().is_none_or(|wanted| wanted > least) {
                    return Err(self.unproven("`minItems` is checked on each message"));
                }
            }
            "prefixItems" => {
                for (position, schema) in first.iter().enumerate() {
                    let found = kinds::at(array, &position.into()).without_undefined();
                    self.position(position, |proof| proof.prove(&found, schema))?;
                }
            }
            _ => {
                let schema = &map["items"];
                for (index, found) in array.known() {
                    if index.to_usize() >= first.len() {
                        self.position(index.to_usize(), |proof| {
                            proof.prove(&found.without_undefined(), schema)
                        })?;
                    }
                }
                self.position(first.len(), |proof| {
                    proof.prove(&kinds::rest(array), schema)
                })?;
            }
        }
        Ok(())
    }

    fn below(
        &mut self,
        name: &str,
        prove: impl FnOnce(&mut Self) -> Result<(), Unproven>,
    ) -> Result<(), Unproven> {
        let length = self.path.len();
        if name == "*" {
            self.path.push_str(".*");
        } else {
            path::push_field(&mut self.path, name);
        }
        let result = prove(self);
        self.path.truncate(length);
        result
    }

    fn position(
        &mut self,
        position: usize,
        prove: impl FnOnce(&mut Self) -> Result<(), Unproven>,
    ) -> Result<(), Unproven> {
        let length = self.path.len();
        path::push_position(&mut self.path, position);
        let result = prove(self);
        self.path.truncate(length);
        result
    }

    fn unproven(&self, reason: &str) -> Unproven {
        Unproven {
            field: self.path.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether a list of constants holds every value of a kind; only null and booleans can be listed.
fn listed(kind: &Kind, values: &[Json]) -> bool {
    let mut rest = kind.without_undefined();
    if values.contains(&Json::Null) {
        rest.remove_null();
    }
    if values.contains(&Json::Bool(true)) && values.contains(&Json::Bool(false)) {
        rest.remove_boolean();
    }
    kinds::is_empty(&rest)
}
