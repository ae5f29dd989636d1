//! Whether every value of a type satisfies a contract.
//!
//! Two questions, in this order. Is there a value of the type that the contract's own type, an
//! over-approximation, does not have? Then that value violates the contract. Else: does each
//! keyword hold for the whole type? The first that may not is named.

mod excess;
mod proof;

use serde_json::Value as Json;
use vrl::value::Kind;

use crate::{Type, Verdict, kinds, path};

use excess::excess;
use proof::{Proof, Unproven};

/// Answers for a type and a schema whose type is `bound`.
pub(crate) fn verdict(found: &Type, schema: &Json, bound: &Kind) -> Verdict {
    let kind = found.kind();
    if let Some(excess) = excess(kind, bound, 0) {
        return Verdict::Refuted {
            field: path::or_root(excess.path),
            reason: excess.reason,
            example: excess.example,
        };
    }
    let mut proof = Proof::new(schema, found.facts());
    match proof.prove(kind, schema) {
        Ok(()) => Verdict::Proved,
        Err(Unproven {
            field,
            reason,
            help,
        }) => Verdict::Unproven {
            field: path::or_root(field),
            reason,
            help,
        },
    }
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
