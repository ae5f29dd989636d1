//! A value of a type that a contract's type lacks.

use serde_json::Value as Json;
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field, Index};

use super::described;
use crate::{example, kinds, path};

/// A value of one kind that another kind lacks.
pub(super) struct Excess {
    pub(super) path: String,
    pub(super) reason: String,
    pub(super) example: Json,
}

/// The first such value, if there is one.
pub(super) fn excess(kind: &Kind, bound: &Kind, depth: usize) -> Option<Excess> {
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
    let least = |array: &Collection<Index>| {
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
