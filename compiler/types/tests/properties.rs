//! What must hold for every schema, type and value.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use vrl::value::Value;
use vrsky_types::{Contract, Type, Verdict};

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..4).prop_map(Json::from),
        Just(json!(1.0)),
        Just(json!(0.5)),
        prop_oneof![
            Just("a"),
            Just("b"),
            Just("text"),
            Just("2026-01-01T00:00:00Z")
        ]
        .prop_map(Json::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("other0")].prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn types() -> impl Strategy<Value = Json> {
    let name = prop_oneof![
        Just("string"),
        Just("integer"),
        Just("number"),
        Just("boolean"),
        Just("null"),
        Just("object"),
        Just("array")
    ];
    prop_oneof![
        4 => name.clone().prop_map(Json::from),
        1 => prop::collection::btree_set(name, 2..4).prop_map(|names| Json::from(names.into_iter().collect::<Vec<_>>())),
    ]
}

/// One keyword with its value.
fn keyword(inner: &BoxedStrategy<Json>, structural: bool) -> BoxedStrategy<(String, Json)> {
    let properties = prop::collection::btree_map(name(), inner.clone(), 0..3).prop_map(|map| {
        (
            "properties".to_owned(),
            Json::Object(map.into_iter().collect()),
        )
    });
    let required = prop::collection::btree_set(name(), 0..3).prop_map(|names| {
        (
            "required".to_owned(),
            Json::from(names.into_iter().collect::<Vec<_>>()),
        )
    });
    let list = |keyword: &'static str, least: usize| {
        prop::collection::vec(inner.clone(), least..3)
            .prop_map(move |schemas| (keyword.to_owned(), Json::from(schemas)))
    };
    let one = |keyword: &'static str| {
        inner
            .clone()
            .prop_map(move |schema| (keyword.to_owned(), schema))
    };
    let exact = prop_oneof![
        6 => types().prop_map(|types| ("type".to_owned(), types)),
        4 => properties,
        2 => required,
        2 => one("additionalProperties"),
        2 => one("items"),
        1 => list("prefixItems", 1),
        1 => (0u64..3).prop_map(|least| ("minItems".to_owned(), json!(least))),
    ];
    if structural {
        return exact.boxed();
    }
    prop_oneof![
        12 => exact,
        1 => list("anyOf", 1),
        1 => list("oneOf", 1),
        1 => list("allOf", 1),
        1 => one("not"),
        1 => one("contains"),
        1 => (one("if"), one("then")).prop_map(|(_, then)| then),
        1 => Just(("pattern".to_owned(), json!("^a"))),
        1 => Just(("minimum".to_owned(), json!(1))),
        1 => Just(("maxLength".to_owned(), json!(2))),
        1 => Just(("format".to_owned(), json!("date-time"))),
        1 => Just(("uniqueItems".to_owned(), json!(true))),
        1 => Just(("$ref".to_owned(), json!("#/$defs/node"))),
        1 => scalar().prop_map(|value| ("const".to_owned(), value)),
        1 => prop::collection::vec(value(), 1..3).prop_map(|values| ("enum".to_owned(), Json::from(values))),
        1 => one("patternProperties").prop_map(|(keyword, schema)| (keyword, json!({"^[ab]$": schema}))),
    ]
    .boxed()
}

fn schema(structural: bool) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Json::Bool),
        6 => types().prop_map(|types| json!({"type": types})),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop::collection::vec(keyword(&inner.boxed(), structural), 1..4)
            .prop_map(|keywords| Json::Object(keywords.into_iter().collect::<Map<_, _>>()))
    })
    .prop_map(|schema| match schema {
        Json::Object(mut map) => {
            let node =
                json!({"type": ["object", "null"], "properties": {"a": {"$ref": "#/$defs/node"}}});
            map.insert("$defs".to_owned(), json!({"node": node}));
            Json::Object(map)
        }
        other => other,
    })
}

/// Whether a value has a type, asked of the type alone.
fn has(kind: &vrl::value::Kind, value: &Value) -> bool {
    // VRL's `never` says that it contains everything.
    if kind.is_never() || kind.is_undefined() {
        return false;
    }
    match value {
        Value::Object(map) => kind.as_object().is_some_and(|object| {
            map.iter().all(|(key, value)| {
                let field = key.clone().into();
                let known = object
                    .known()
                    .get(&field)
                    .cloned()
                    .unwrap_or_else(|| object.unknown_kind());
                has(&known, value)
            }) && object
                .known()
                .iter()
                .all(|(key, kind)| kind.contains_undefined() || map.contains_key(key.as_str()))
        }),
        Value::Array(items) => kind.as_array().is_some_and(|array| {
            items.iter().enumerate().all(|(position, value)| {
                let known = array
                    .known()
                    .get(&position.into())
                    .cloned()
                    .unwrap_or_else(|| array.unknown_kind());
                has(&known, value)
            }) && array
                .known()
                .iter()
                .all(|(index, kind)| kind.contains_undefined() || index.to_usize() < items.len())
        }),
        Value::Null => kind.contains_null(),
        Value::Boolean(_) => kind.contains_boolean(),
        Value::Integer(_) => kind.contains_integer(),
        Value::Float(_) => kind.contains_float(),
        _ => kind.contains_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_contract_admits_has_its_type(schema in schema(false), values in prop::collection::vec(value(), 12)) {
        let Ok(contract) = Contract::new(schema) else { return Ok(()) };
        for value in values {
            let value = Value::from(value);
            if contract.check(&value).is_ok() {
                prop_assert!(has(contract.payload().kind(), &value), "{value:?} lacks {:?}", contract.payload());
            }
        }
    }

    #[test]
    fn the_native_checker_agrees_with_jsonschema(schema in schema(true), values in prop::collection::vec(value(), 12)) {
        let native = Contract::new(schema.clone()).unwrap();
        // `allOf` is outside the native subset and means the same.
        let general = Contract::new(json!({"allOf": [schema]})).unwrap();
        for value in values {
            let value = Value::from(value);
            let (left, right) = (native.check(&value), general.check(&value));
            prop_assert_eq!(left.is_ok(), right.is_ok(), "{:?}: {:?} {:?}", value, left, right);
        }
    }

    #[test]
    fn a_type_survives_its_schema(schema in schema(false)) {
        let Ok(contract) = Contract::new(schema) else { return Ok(()) };
        let emitted = contract.payload().to_schema();
        let again = Contract::new(emitted.clone()).unwrap();
        prop_assert_eq!(again.payload(), contract.payload(), "{}", emitted);
        prop_assert_eq!(Type::from_kind(contract.payload().kind().clone()), contract.payload().clone());
    }

    #[test]
    fn a_type_proves_its_own_schema(schema in schema(false)) {
        let Ok(contract) = Contract::new(schema) else { return Ok(()) };
        let again = Contract::new(contract.payload().to_schema()).unwrap();
        prop_assert_eq!(contract.payload().satisfies(&again), Verdict::Proved);
    }

    #[test]
    fn verdicts_are_sound(
        from in schema(true),
        to in schema(false),
        values in prop::collection::vec(value(), 24),
    ) {
        let from = Contract::new(from).unwrap();
        let Ok(to) = Contract::new(to) else { return Ok(()) };
        match from.payload().satisfies(&to) {
            Verdict::Proved => {
                for value in values.into_iter().map(Value::from) {
                    if has(from.payload().kind(), &value) {
                        prop_assert!(to.check(&value).is_ok(), "{value:?}: {:?}", to.check(&value));
                    }
                }
            }
            Verdict::Refuted { example, .. } => {
                let example = Value::from(example);
                prop_assert!(has(from.payload().kind(), &example), "{example:?} lacks {:?}", from.payload());
                prop_assert!(to.check(&example).is_err(), "{example:?} passes");
            }
            Verdict::Unproven { .. } => {}
        }
    }

    #[test]
    fn what_is_proved_of_a_contract_holds_for_every_value_that_it_admits(
        from in schema(false),
        to in schema(false),
        values in prop::collection::vec(value(), 24),
    ) {
        let Ok(from) = Contract::new(from) else { return Ok(()) };
        // The same again, or another one: facts meet their like.
        for to in [Ok(to), serde_json::to_value(from.schema())] {
            let Ok(to) = Contract::new(to.unwrap()) else { continue };
            if from.payload().satisfies(&to) != Verdict::Proved {
                continue;
            }
            for value in values.iter().cloned().map(Value::from) {
                if from.check(&value).is_ok() {
                    prop_assert!(to.check(&value).is_ok(), "{value:?}: {:?}", to.check(&value));
                }
            }
        }
    }
}
