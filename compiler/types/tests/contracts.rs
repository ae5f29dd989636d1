//! Contracts by example: the shorthand, verdicts, and what violations say.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use vrl::value::Value;
use vrsky_types::{Contract, Type, Verdict};

fn fields(fields: &[(&str, &str)]) -> Contract {
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Contract::new(Contract::schema_of_fields(&fields).unwrap()).unwrap()
}

fn schema(schema: Json) -> Contract {
    Contract::new(schema).unwrap()
}

fn violation(contract: &Contract, payload: &Json) -> String {
    // As the runtime decodes: integers beyond 64 bits become floats.
    let payload: Value = serde_json::from_str(&payload.to_string()).unwrap();
    contract
        .check(&payload)
        .map_or_else(|violation| violation.to_string(), |()| "ok".to_owned())
}

#[test]
fn the_shorthand_is_a_closed_object() {
    let order = fields(&[
        ("id", "string"),
        ("total", "number"),
        ("count", "integer"),
        ("tags", "[]string"),
        ("grid", "[][]integer"),
        ("placed", "timestamp"),
        ("more", "object"),
        ("what", "any"),
        ("email", "optional string"),
        ("codes", "optional []integer"),
        ("free", "optional any"),
    ]);
    let good = json!({
        "id": "1", "total": 1.5, "count": 1, "tags": ["a"], "grid": [[1]], "placed": "2026-01-01T00:00:00Z",
        "more": {"x": 1}, "what": null, "email": null,
    });
    assert_eq!(violation(&order, &good), "ok");
    let but = |field: &str, value: Json| {
        let mut payload = good.clone();
        payload[field] = value;
        violation(&order, &payload)
    };
    assert_eq!(
        but("total", json!("x")),
        ".total: expected a number, found a string"
    );
    assert_eq!(
        but("count", json!(1.0)),
        ".count: expected an integer, found a number with a fraction"
    );
    assert_eq!(
        but("count", json!(9_223_372_036_854_775_808_u64)),
        ".count: expected an integer, found a number with a fraction"
    );
    assert_eq!(
        but("tags", json!(["a", 1])),
        ".tags[1]: expected a string, found an integer"
    );
    assert_eq!(
        but("grid", json!([[1], ["x"]])),
        ".grid[1][0]: expected an integer, found a string"
    );
    assert_eq!(
        but("placed", json!("yesterday")),
        ".placed: is not of format `date-time`"
    );
    assert_eq!(
        but("email", json!(1)),
        ".email: expected a string or null, found an integer"
    );
    assert_eq!(but("codes", json!(null)), "ok");
    assert_eq!(
        but("other", json!(1)),
        ".other: is not declared by the contract"
    );
    assert_eq!(
        but("ada@example.com", json!(1)),
        ".…: is not declared by the contract"
    );
    assert_eq!(
        violation(&order, &json!([])),
        ".: expected an object, found an array"
    );
    let mut less = good.clone();
    less.as_object_mut().unwrap().remove("id");
    assert_eq!(violation(&order, &less), ".id: is required and missing");
}

#[test]
fn mistakes_in_the_shorthand_name_the_field_and_what_was_meant() {
    let cases = [
        ("str", "`str` is not a type; did you mean `string`?"),
        ("String", "`String` is not a type; did you mean `string`?"),
        ("int", "`int` is not a type; did you mean `integer`?"),
        (
            "datetime",
            "`datetime` is not a type; did you mean `timestamp`?",
        ),
        (
            "string[]",
            "`string[]` is not a type; a list of string is `[]string`",
        ),
        (
            "string?",
            "`string?` is not a type; write `optional string`",
        ),
        ("optional", "`optional` needs a type: `optional string`"),
        (
            "[]optional string",
            "`optional` stands once, in front of the whole type",
        ),
        (
            "",
            "has no type; write one of any, boolean, integer, number, object, string, timestamp, []…",
        ),
        (
            "money",
            "`money` is not a type; the types are any, boolean, integer, number, object, string, timestamp, []…",
        ),
    ];
    for (text, message) in cases {
        let errors =
            Contract::schema_of_fields(&BTreeMap::from([("x".to_owned(), text.to_owned())]))
                .unwrap_err();
        assert_eq!(
            (errors[0].field.as_str(), errors[0].message.as_str()),
            ("x", message)
        );
    }
}

#[test]
fn schemas_that_cannot_be_contracts_say_where() {
    let cases = [
        (json!({"type": "strnig"}), "/type"),
        (
            json!({"properties": {"a": {"$ref": "https://example.com/a"}}}),
            "/properties/a/$ref",
        ),
        (json!({"$ref": "other.json"}), "/$ref"),
        (json!({"const": 9_223_372_036_854_775_808_u64}), "/const"),
        (
            json!({"properties": {"a": {"maximum": 1e19}}}),
            "/properties/a/maximum",
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
            "/$schema",
        ),
        (json!({"required": "id"}), "/required"),
        (json!({"$ref": "#/$defs/none"}), ""),
        (
            json!({"properties": {"a": {"pattern": "("}}}),
            "/properties/a/pattern",
        ),
        (
            json!({"properties": {"a": {"format": "date-tiem"}}}),
            "/properties/a/format",
        ),
        (json!(1), ""),
    ];
    for (schema, pointer) in cases {
        let error = Contract::new(schema.clone()).unwrap_err();
        assert_eq!(error.pointer, pointer, "{schema}: {error}");
        assert!(!error.message.contains('\n'));
    }
    let mut deep = json!(true);
    for _ in 0..100 {
        deep = json!({"items": deep});
    }
    assert!(Contract::new(deep).is_err());
}

#[test]
fn recursive_and_fanning_schemas_end() {
    let list = schema(json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": ["object", "null"], "properties": {"next": {"$ref": "#/$defs/node"}, "value": {"type": "integer"}}}},
    }));
    assert_eq!(
        violation(
            &list,
            &json!({"value": 1, "next": {"value": 2, "next": null}})
        ),
        "ok"
    );
    assert_eq!(
        violation(&list, &json!({"next": {"next": {"value": "x"}}})),
        ".next.next.value: is not of type integer"
    );
    let mut definitions = serde_json::Map::new();
    for level in 0..30 {
        let next = format!("#/$defs/l{}", level + 1);
        definitions.insert(
            format!("l{level}"),
            json!({"properties": {"a": {"$ref": next}, "b": {"$ref": next}}}),
        );
    }
    definitions.insert("l30".to_owned(), json!({"type": "integer"}));
    let fan = schema(json!({"$ref": "#/$defs/l0", "$defs": definitions}));
    let Verdict::Refuted { example, .. } = Type::any().satisfies(&fan) else {
        panic!("not every value is so nested")
    };
    assert!(fan.check(&Value::from(example)).is_err());
}

#[test]
fn verdicts_name_the_field_and_give_an_example() {
    let order = fields(&[
        ("id", "string"),
        ("total", "number"),
        ("email", "optional string"),
        ("n", "integer"),
    ]);
    let refuted = |contract: &Contract| match order.payload().satisfies(contract) {
        Verdict::Refuted {
            field,
            reason,
            example,
        } => {
            assert!(contract.check(&Value::from(example)).is_err());
            format!("{field}: {reason}")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(order.payload().satisfies(&order), Verdict::Proved);
    assert_eq!(
        order.payload().satisfies(&schema(json!(true))),
        Verdict::Proved
    );
    let open = |properties: Json, required: Json| {
        schema(json!({"type": "object", "properties": properties, "required": required}))
    };
    assert_eq!(
        order.payload().satisfies(&open(
            json!({"total": {"type": ["number", "null"]}}),
            json!(["id"])
        )),
        Verdict::Proved
    );
    assert_eq!(
        refuted(&open(json!({"total": {"type": "string"}}), json!([]))),
        ".total: the contract asks for a string, this is a number"
    );
    assert_eq!(
        refuted(&open(json!({}), json!(["sku"]))),
        ".sku: is required and missing"
    );
    assert_eq!(
        refuted(&open(json!({}), json!(["email"]))),
        ".email: is required and may be missing"
    );
    assert_eq!(
        refuted(&open(json!({"email": {"type": "string"}}), json!([]))),
        ".email: the contract asks for a string, this is sometimes null"
    );
    assert_eq!(
        refuted(&fields(&[("id", "string")])),
        ".email: is not declared by the contract"
    );
    let unproven = |keyword: Json| match order
        .payload()
        .satisfies(&open(json!({"id": keyword}), json!([])))
    {
        Verdict::Unproven { field, reason, .. } => format!("{field}: {reason}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        unproven(json!({"pattern": "^a"})),
        ".id: `pattern` is checked on each message"
    );
    assert_eq!(
        unproven(json!({"enum": ["a", "b"]})),
        ".id: `enum` is checked on each message"
    );
    assert_eq!(
        unproven(json!({"format": "uuid"})),
        ".id: `format` is checked on each message"
    );
    assert_eq!(
        unproven(json!({"oneOf": [{"type": "string"}, {"maxLength": 3}]})),
        ".id: `oneOf` is checked on each message"
    );
    let proved = |field: &str, keyword: Json| {
        let contract = open(json!({ field: keyword }), json!([]));
        assert_eq!(order.payload().satisfies(&contract), Verdict::Proved);
    };
    let either = json!([{"type": "string"}, {"type": "null"}]);
    proved("email", json!({"anyOf": either}));
    proved("email", json!({"oneOf": either}));
    proved("id", json!({"oneOf": [{"type": "string"}]}));
}

#[test]
fn what_a_contract_has_checked_need_not_be_proved_again() {
    let given = |keywords: Json, asked: Json| {
        let value = |keywords: Json| {
            schema(json!({"type": "object", "required": ["a"], "properties": {"a": keywords}}))
        };
        match value(keywords).payload().satisfies(&value(asked)) {
            Verdict::Proved => "proved".to_owned(),
            Verdict::Unproven { field, help, .. } => format!("{field}: {help}"),
            other @ Verdict::Refuted { .. } => panic!("{other:?}"),
        }
    };
    let open = |keyword: &str, value: Json| json!({"type": ["string", "number"], keyword: value});
    for (keyword, given_as, asked, looser) in [
        (
            "format",
            json!("date-time"),
            json!("date-time"),
            json!("uuid"),
        ),
        ("minLength", json!(3), json!(2), json!(4)),
        ("maximum", json!(3), json!(4), json!(2)),
        ("enum", json!(["a"]), json!(["a", "b"]), json!(["b"])),
    ] {
        let from = open(keyword, given_as);
        assert_eq!(given(from.clone(), open(keyword, asked)), "proved");
        assert_eq!(
            given(from, open(keyword, looser.clone())),
            format!(
                ".a: say the same of it in the contract that it comes with, and pass it on unchanged: `{keyword}: {looser}`"
            )
        );
    }
    // What may be absent reads as null, of which its contract has said nothing.
    let optional = schema(json!({
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "not": {"const": null}}},
    }));
    let copied = optional.payload().clone();
    let asked = schema(json!({"type": "object", "properties": {"a": {"not": {"const": null}}}}));
    assert!(matches!(copied.satisfies(&asked), Verdict::Unproven { .. }));
    let nested = json!({
        "type": "array",
        "items": {"type": "object", "properties": {"at": {"type": "string", "format": "date"}}},
    });
    assert_eq!(given(nested.clone(), nested), "proved");
    // Through references, round and round.
    let tree = schema(json!({
        "$defs": {"node": {
            "type": "object",
            "required": ["at"],
            "properties": {"at": {"type": "string", "format": "date"}, "next": {"$ref": "#/$defs/node"}},
        }},
        "$ref": "#/$defs/node",
    }));
    let field = |verdict: Verdict| match verdict {
        Verdict::Unproven { field, .. } => field,
        other => panic!("{other:?}"),
    };
    // One round is known; what a further one holds, the type does not say.
    assert_eq!(field(tree.payload().satisfies(&tree)), ".next.at");
}

#[test]
fn keywords_outside_the_native_subset_are_checked_too() {
    let contract = schema(json!({
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 3}]},
            "b": {"type": "array", "uniqueItems": true},
            "c": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
        },
        "dependentRequired": {"a": ["c"]},
    }));
    assert_eq!(violation(&contract, &json!({"a": 5, "c": "abc"})), "ok");
    assert_eq!(
        violation(&contract, &json!({"a": 5.0, "c": "abc"})),
        ".a: doesn't satisfy `anyOf`"
    );
    assert_eq!(
        violation(&contract, &json!({"b": [1, 1]})),
        ".b: doesn't satisfy `uniqueItems`"
    );
    assert_eq!(
        violation(&contract, &json!({"c": "abcd"})),
        ".c: is longer than 3 characters"
    );
    assert_eq!(
        violation(&contract, &json!({"a": "secret"})),
        ".c: is required and missing"
    );
}
