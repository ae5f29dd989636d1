//! Whether each keyword of a schema holds for a whole type.

use serde_json::{Map, Value as Json};
use vrl::value::Kind;

use super::excess;
use crate::facts::{Facts, Step};
use crate::{kinds, load, path};

/// The first keyword that may not hold.
pub(super) struct Unproven {
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) help: String,
}

/// A reference under proof: what it points to, the kind that it is proved for, and whether nothing
/// else is known of the values there.
type Question = (*const Json, Kind, bool);

/// A proof under way.
pub(super) struct Proof<'a> {
    root: &'a Json,
    facts: &'a Facts,
    /// References being proved, with the kind they are proved for: values are finite, so meeting the
    /// same question again below itself proves it. Facts may make the upper one easier, so a question
    /// that they reach is not relied on.
    assumed: Vec<Question>,
    path: String,
    place: Vec<Step>,
    steps: usize,
}

/// Steps after which a proof gives up; a hostile schema must not cost more.
const STEPS: usize = 20_000;
/// Subschemas that are looked at to tell one alternative from another.
const ALTERNATIVE: usize = 100;

impl<'a> Proof<'a> {
    /// Begins a proof.
    pub(super) fn new(root: &'a Json, facts: &'a Facts) -> Self {
        Self {
            root,
            facts,
            assumed: Vec::new(),
            path: String::new(),
            place: Vec::new(),
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
            let help = "split the contract: not all of it is looked at";
            return Err(self.unproven("the contract is too large to prove", help));
        }
        let map = match schema {
            Json::Bool(false) => {
                let help = "drop the field in a `map` step";
                return Err(self.unproven("the contract admits no value here", help));
            }
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
            "anyOf" => self.any_of(kind, value),
            "oneOf" => self.one_of(kind, value),
            "not" => load::only_type(value)
                .is_some_and(|types| kinds::is_empty(&kinds::meet(kind, &load::named(types)))),
            "$ref" => return self.reference(kind, value),
            "if" | "then" | "else" => map.get("if").is_none(),
            "$dynamicRef" => false,
            _ => true,
        };
        if holds || self.facts.prove(&self.place, kind, keyword, value) {
            Ok(())
        } else {
            Err(self.depends(keyword, value))
        }
    }

    /// One alternative for all values, or one for each sort of them.
    fn any_of(&mut self, kind: &Kind, value: &'a Json) -> bool {
        let alternatives = value.as_array().map_or(&[][..], Vec::as_slice);
        let mut some = |kind: &Kind| {
            alternatives
                .iter()
                .any(|schema| self.prove(kind, schema).is_ok())
        };
        some(kind) || kinds::sorts(kind).iter().all(some)
    }

    /// Exactly one alternative for each sort of values: the others admit none of that sort.
    fn one_of(&mut self, kind: &Kind, value: &'a Json) -> bool {
        let alternatives = value.as_array().map_or(&[][..], Vec::as_slice);
        let bounds: Vec<Kind> = alternatives
            .iter()
            .map(|schema| load::part(self.root, schema, ALTERNATIVE))
            .collect();
        self.steps += ALTERNATIVE * bounds.len();
        kinds::sorts(kind).iter().all(|kind| {
            let mut possible = alternatives
                .iter()
                .zip(&bounds)
                .filter(|(_, bound)| !kinds::is_empty(&kinds::meet(kind, bound)));
            match (possible.next(), possible.next()) {
                (Some((schema, _)), None) => self.prove(kind, schema).is_ok(),
                _ => false,
            }
        })
    }

    fn reference(&mut self, kind: &Kind, value: &'a Json) -> Result<(), Unproven> {
        let Some(target) = value
            .as_str()
            .and_then(|reference| load::resolve(self.root, reference))
        else {
            return Err(self.depends("$ref", value));
        };
        let plain = !self.facts.reach(&self.place);
        let question = (std::ptr::from_ref(target), kind.clone(), plain);
        if self.assumed.iter().any(|(target, kind, plain)| {
            *plain && *target == question.0 && kinds::same(kind, &question.1)
        }) {
            return Ok(());
        }
        if self.assumed.len() > kinds::DEPTH {
            return Err(self.depends("$ref", value));
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
                        let help = "set it in a `map` step, or let a filter ask for it";
                        return self
                            .below(name, |proof| Err(proof.unproven("may be missing", help)));
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
                let wanted = &map["minItems"];
                if wanted.as_u64().is_none_or(|wanted| wanted > least)
                    && !self.facts.prove(&self.place, kind, "minItems", wanted)
                {
                    return Err(self.depends("minItems", wanted));
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
            self.place.push(Step::Other);
        } else {
            path::push_field(&mut self.path, name);
            self.place.push(Step::Field(name.to_owned()));
        }
        let result = prove(self);
        self.path.truncate(length);
        self.place.pop();
        result
    }

    fn position(
        &mut self,
        position: usize,
        prove: impl FnOnce(&mut Self) -> Result<(), Unproven>,
    ) -> Result<(), Unproven> {
        let length = self.path.len();
        path::push_position(&mut self.path, position);
        self.place.push(Step::Items);
        let result = prove(self);
        self.path.truncate(length);
        self.place.pop();
        result
    }

    fn unproven(&self, reason: &str, help: &str) -> Unproven {
        Unproven {
            field: self.path.clone(),
            reason: reason.to_owned(),
            help: help.to_owned(),
        }
    }

    /// A keyword that values decide, and not their types.
    fn depends(&self, keyword: &str, value: &Json) -> Unproven {
        let reason = format!("`{keyword}` is checked on each message");
        let help = match keyword {
            "anyOf" | "oneOf" => {
                "narrow what arrives with a filter until one alternative holds for all of it"
                    .to_owned()
            }
            "not" => {
                "narrow what arrives with a filter until it has none of these types".to_owned()
            }
            "$ref"
            | "$dynamicRef"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "dependentSchemas"
            | "unevaluatedItems"
            | "unevaluatedProperties" => {
                "only contracts made of `properties`, `required`, `items` and `anyOf` can be proved"
                    .to_owned()
            }
            _ => format!(
                "say the same of it in the contract that it comes with, and pass it on unchanged: `{keyword}: {}`",
                shortened(&value.to_string())
            ),
        };
        self.unproven(&reason, &help)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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
