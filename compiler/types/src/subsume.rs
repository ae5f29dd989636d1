//! Whether every value of a type satisfies a contract.
//!
//! Two questions, in this order. Is there a value of the type that the contract's own type, an
//! over-approximation, does not have? Then that value violates the contract. Else: does each
//! keyword hold for the whole type? The first that may not is named.

use serde_json::{Map, Value as Json};
use vrl::value::Kind;
use vrl::value::kind::Field;

use crate::{Verdict, example, kinds, load, path};

/// Answers for a type and a schema whose type is `bound`.
pub(crate) fn verdict(kind: &Kind, schema: &Json, bound: &Kind) -> Verdict {
    if let Some(excess) = excess(kind, bound, 0) {
        return Verdict::Refuted {
            field: path::or_root(excess.path),
            reason: excess.reason,
            example: excess.example,
        };
    }
    let mut proof = Proof {
        root: schema,
        assumed: Vec::new(),
        path: String::new(),
        steps: 0,
    };
    match proof.prove(kind, schema) {
        Ok(()) => Verdict::Proved,
        Err(Unproven { field, reason }) => Verdict::Unproven {
            field: path::or_root(field),
            reason,
        },
    }
}

/// A value of one kind that another kind lacks.
struct Excess {
    path: String,
    reason: String,
    example: Json,
}

fn excess(kind: &Kind, bound: &Kind, depth: usize) -> Option<Excess> {
    if kinds::is_all(bound) || kinds::is_empty(kind) || depth > kinds::DEPTH {
        return None;
    }
    if kinds::is_empty(bound) {
        let reason = "the contract admits no value here".to_owned();
        return Some(Excess {
            path: String::new(),
            reason,
            example: example::value(kind)?,
        });
    }
    if let Some((example, found)) = scalar_excess(kind, bound) {
        let reason = format!(
            "the contract asks for {}, this is {found}",
            described(bound)
        );
        return Some(Excess {
            path: String::new(),
            reason,
            example,
        });
    }
    if let Some(excess) = object_excess(kind, bound, depth) {
        return Some(excess);
    }
    array_excess(kind, bound, depth)
}

fn scalar_excess(kind: &Kind, bound: &Kind) -> Option<(Json, String)> {
    let sorts = [
        (
            kind.contains_bytes() && !bound.contains_bytes(),
            Json::from("text"),
            "a string",
        ),
        (
            kind.contains_integer() && !bound.contains_integer(),
            Json::from(1),
            "an integer",
        ),
        (
            kind.contains_float() && !bound.contains_float(),
            Json::from(0.5),
            "a number with a fraction",
        ),
        (
            kind.contains_boolean() && !bound.contains_boolean(),
            Json::from(true),
            "a boolean",
        ),
        (
            kind.contains_null() && !bound.contains_null(),
            Json::Null,
            "null",
        ),
    ];
    let (example, found) = sorts
        .into_iter()
        .find(|(excess, ..)| *excess)
        .map(|(_, example, found)| (example, found))?;
    let number = kind.contains_integer() && kind.contains_float();
    let found = match found {
        "an integer" if number && !bound.contains_float() => "a number",
        found => found,
    };
    let mut rest = kind.without_undefined();
    match found {
        "a string" => rest.remove_bytes(),
        "an integer" => rest.remove_integer(),
        "a number with a fraction" => rest.remove_float(),
        "a number" => rest.remove_integer() && rest.remove_float(),
        "a boolean" => rest.remove_boolean(),
        _ => rest.remove_null(),
    };
    let sometimes = if kinds::is_empty(&rest) {
        ""
    } else {
        "sometimes "
    };
    Some((example, format!("{sometimes}{found}")))
}

fn object_excess(kind: &Kind, bound: &Kind, depth: usize) -> Option<Excess> {
    let object = kind.as_object()?;
    let Some(wanted) = bound.as_object() else {
        let example = Json::Object(example::object(kind, None)?);
        let reason = format!(
            "the contract asks for {}, this is an object",
            described(bound)
        );
        return Some(Excess {
            path: String::new(),
            reason,
            example,
        });
    };
    let mut fields: Vec<&Field> = object.known().keys().chain(wanted.known().keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    for field in fields {
        let (found, asked) = (kinds::at(object, field), kinds::at(wanted, field));
        if found.contains_undefined() && !asked.contains_undefined() {
            let Some(map) = example::object(kind, Some((field.as_str(), None))) else {
                continue;
            };
            let reason = if kinds::is_empty(&found) {
                "is required and missing"
            } else {
                "is required and may be missing"
            };
            return Some(within(
                field.as_str(),
                "",
                reason.to_owned(),
                Json::Object(map),
            ));
        }
        if let Some(inner) = field_excess(&found, &asked, depth) {
            let Some(map) = example::object(kind, Some((field.as_str(), Some(inner.example))))
            else {
                continue;
            };
            return Some(within(
                field.as_str(),
                &inner.path,
                inner.reason,
                Json::Object(map),
            ));
        }
    }
    let inner = field_excess(&kinds::rest(object), &kinds::rest(wanted), depth)?;
    // One more than there are known fields: one of them is free.
    let most = object.known().len() + wanted.known().len();
    let name = (0..=most).map(|n| format!("other{n}")).find(|name| {
        let field = Field::from(name.as_str());
        !object.known().contains_key(&field) && !wanted.known().contains_key(&field)
    })?;
    let map = example::object(kind, Some((&name, Some(inner.example))))?;
    Some(within("*", &inner.path, inner.reason, Json::Object(map)))
}

/// An excess of a field or position that exists.
fn field_excess(found: &Kind, asked: &Kind, depth: usize) -> Option<Excess> {
    if kinds::is_empty(found) {
        return None;
    }
    if kinds::is_empty(asked) {
        let example = example::value(found)?;
        return Some(Excess {
            path: String::new(),
            reason: "is not declared by the contract".to_owned(),
            example,
        });
    }
    excess(&found.without_undefined(), asked, depth + 1)
}

fn within(field: &str, inner: &str, reason: String, example: Json) -> Excess {
    let mut path = String::new();
    if field == "*" {
        path.push_str(".*");
    } else {
        path::push_field(&mut path, field);
    }
    path.push_str(inner);
    Excess {
        path,
        reason,
        example,
    }
}

fn array_excess(kind: &Kind, bound: &Kind, depth: usize) -> Option<Excess> {
    let array = kind.as_array()?;
    let Some(wanted) = bound.as_array() else {
        let example = Json::Array(example::array(kind, None)?);
        let reason = format!(
            "the contract asks for {}, this is an array",
            described(bound)
        );
        return Some(Excess {
            path: String::new(),
            reason,
            example,
        });
    };
    let least = |array: &vrl::value::kind::Collection<vrl::value::kind::Index>| {
        array
            .known()
            .values()
            .take_while(|kind| !kind.contains_undefined())
            .count()
    };
    if least(wanted) > least(array)
        && let Some(items) = example::array(kind, None)
    {
        let reason = format!("the contract asks for at least {} items", least(wanted));
        return Some(Excess {
            path: String::new(),
            reason,
            example: Json::Array(items),
        });
    }
    let length = [array, wanted]
        .iter()
        .filter_map(|array| array.known().keys().next_back())
        .map(|index| index.to_usize() + 1)
        .max()
        .unwrap_or(0);
    // One position past the known ones stands for all the others.
    for position in 0..=length {
        let (found, asked) = (
            kinds::at(array, &position.into()),
            kinds::at(wanted, &position.into()),
        );
        if let Some(inner) = field_excess(&found, &asked, depth) {
            let Some(items) = example::array(kind, Some((position, &inner.example))) else {
                continue;
            };
            let path = format!("[{position}]{}", inner.path);
            return Some(Excess {
                path,
                reason: inner.reason,
                example: Json::Array(items),
            });
        }
    }
    None
}

/// A kind in words.
pub(crate) fn described(kind: &Kind) -> String {
    if kinds::is_all(kind) {
        return "anything".to_owned();
    }
    let mut names = Vec::new();
    for (name, present) in [
        ("an array", kind.contains_array()),
        ("a boolean", kind.contains_boolean()),
        ("an object", kind.contains_object()),
        ("a string", kind.contains_bytes()),
        ("a number", kind.contains_float() && kind.contains_integer()),
        (
            "an integer",
            kind.contains_integer() && !kind.contains_float(),
        ),
        (
            "a number with a fraction",
            kind.contains_float() && !kind.contains_integer(),
        ),
        ("null", kind.contains_null()),
    ] {
        if present {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

struct Unproven {
    field: String,
    reason: String,
}

struct Proof<'a> {
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
    fn prove(&mut self, kind: &Kind, schema: &'a Json) -> Result<(), Unproven> {
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
