//! What the compiler says comes out is what comes out: random programs on random messages, with the
//! output checked against the inferred type.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use vrl::value::Value;
use vrsky_expression::{Computed, Filter, Map, Message};
use vrsky_types::{Contract, Type};

fn contract() -> Contract {
    Contract::new(json!({
        "type": "object",
        "required": ["i", "s", "n", "l"],
        "properties": {
            "i": {"type": "integer"},
            "s": {"type": "string"},
            "n": {"type": "number"},
            "o": {"type": ["string", "null"]},
            "b": {"type": "boolean"},
            "l": {"type": "array", "items": {"type": "integer"}},
            "m": {"type": "object", "properties": {"k": {"type": "string"}}},
            "x": true,
        },
    }))
    .unwrap()
}

fn input() -> Type {
    contract().payload().clone()
}

fn anything() -> BoxedStrategy<Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-2i64..3).prop_map(Json::from),
        Just(json!(1.5)),
        prop_oneof![Just("a"), Just("2"), Just(""), Just("{\"k\": 1}")].prop_map(Json::from),
    ];
    scalar
        .prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::btree_map("[k-m]", inner, 0..3)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
        .boxed()
}

fn payload() -> impl Strategy<Value = Json> {
    let maybe = |strategy: BoxedStrategy<Json>| prop::option::of(strategy);
    let text = prop_oneof![Just("a"), Just("2"), Just(""), Just("a@b")]
        .prop_map(Json::from)
        .boxed();
    let object = prop::option::of(text.clone())
        .prop_map(|k| k.map_or_else(|| json!({"z": 1}), |k| json!({"k": k})));
    (
        (-2i64..3),
        text.clone(),
        prop_oneof![Just(json!(1)), Just(json!(2.5))],
        maybe(prop_oneof![Just(Json::Null), text].boxed()),
        maybe(any::<bool>().prop_map(Json::from).boxed()),
        prop::collection::vec(-2i64..3, 0..3),
        maybe(object.boxed()),
        maybe(anything()),
        maybe(anything()),
    )
        .prop_map(|(i, s, n, o, b, l, m, x, extra)| {
            let mut payload = json!({"i": i, "s": s, "n": n, "l": l});
            let map = payload.as_object_mut().unwrap();
            for (name, value) in [("o", o), ("b", b), ("m", m), ("x", x), ("extra", extra)] {
                if let Some(value) = value {
                    map.insert(name.to_owned(), value);
                }
            }
            payload
        })
}

fn path() -> BoxedStrategy<String> {
    prop_oneof![
        Just(".i"),
        Just(".s"),
        Just(".n"),
        Just(".o"),
        Just(".b"),
        Just(".l"),
        Just(".m"),
        Just(".m.k"),
        Just(".x"),
        Just(".l[0]"),
        Just(".l[-1]"),
        Just("."),
        Just("%id"),
        Just("%headers.a"),
        Just("v"),
        Just("w"),
        Just("v.k"),
        Just("w[0]"),
    ]
    .prop_map(str::to_owned)
    .boxed()
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("."),
        Just(".i"),
        Just(".o"),
        Just(".m"),
        Just(".m.k"),
        Just(".x"),
        Just(".x.y"),
        Just(".x[1]"),
        Just(".l[0]"),
        Just(".l[2]"),
        Just(".l[-1]"),
        Just(".l[-3]"),
        Just(".new"),
        Just(".new.deep"),
        Just("v"),
        Just("v"),
        Just("w"),
        Just("v.k"),
        Just("w[1]"),
        Just("w[-2]"),
    ]
    .prop_map(str::to_owned)
}

fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        3 => path(),
        2 => prop_oneof![
            Just("1"), Just("2.5"), Just("\"a\""), Just("null"), Just("true"), Just("{}"), Just("[]"),
            Just("t'2026-01-01T00:00:00Z'"), Just("r'a'"), Just("\"{{ v }}\""),
        ].prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        let call = prop_oneof![
            Just("to_string!"), Just("int!"), Just("string!"), Just("length!"), Just("array!"), Just("object!"),
            Just("keys!"), Just("values!"), Just("compact!"), Just("flatten!"), Just("unique!"), Just("parse_json!"),
            Just("to_int!"), Just("to_float!"), Just("float!"), Just("upcase!"), Just("is_string"), Just("abs!"),
            Just("encode_json"), Just("parse_csv!"), Just("parse_query_string!"), Just("to_entries!"),
            Just("from_entries!"), Just("unflatten!"), Just("tally!"), Just("pop!"), Just("to_bool!"),
        ];
        let closure = prop_oneof![
            Just(("map_values!", "|e|")), Just(("filter!", "|_k, e|")), Just(("map_keys!", "|e|")),
            Just(("for_each!", "|_k, e|")),
        ];
        let op = prop_oneof![
            Just("+"), Just("-"), Just("*"), Just("/"), Just("=="), Just("&&"), Just("||"), Just("??"), Just("|"), Just("<"),
        ];
        prop_oneof![
            4 => (call, one.clone()).prop_map(|(call, one)| format!("{call}({one})")),
            3 => (op, two.clone()).prop_map(|(op, (l, r))| format!("({l} {op} {r})")),
            1 => two.clone().prop_map(|(l, r)| format!("[{l}, {r}]")),
            1 => two.clone().prop_map(|(l, r)| format!("{{\"k\": {l}, \"j\": {r}}}")),
            1 => (two.clone(), one.clone()).prop_map(|((c, l), r)| {
                format!("if {c} == 1 {{ {l} }} else {{ {r} }}")
            }).prop_map(|text| format!("{{ {text} }}")),
            1 => two.clone().prop_map(|(l, r)| format!("merge!({l}, {r})")),
            1 => two.clone().prop_map(|(l, r)| format!("push!({l}, {r})")),
            1 => two.clone().prop_map(|(l, r)| format!("append!({l}, {r})")),
            1 => two.clone().prop_map(|(l, r)| format!("get!({l}, [{r}])")),
            1 => path().prop_map(|path| format!("del({path})")),
            1 => one.clone().prop_map(|one| format!("{{ {one} }}")),
            1 => one.prop_map(|one| format!("!{one}")),
            2 => (closure, two).prop_map(|((name, params), (l, r))| format!("{name}({l}) -> {params} {{ {r} }}")),
        ]
    })
    .boxed()
}

fn statement() -> BoxedStrategy<String> {
    let assignment = prop_oneof![
        6 => (target(), value()).prop_map(|(target, value)| format!("{target} = {value}")),
        1 => (target(), value()).prop_map(|(target, value)| format!("{target} |= {value}")),
        1 => (target(), target(), value()).prop_map(|(ok, err, value)| format!("{ok}, {err} = {value}")),
        1 => path().prop_map(|path| format!("del({path})")),
        1 => (target(), target(), value()).prop_map(|(one, two, value)| format!("{one} = {two} = {value}")),
    ];
    assignment
        .prop_recursive(2, 6, 3, |inner| {
            prop_oneof![
                (value(), inner.clone(), inner.clone())
                    .prop_map(|(c, l, r)| format!("if is_string({c}) {{ {l} }} else {{ {r} }}")),
                (value(), inner.clone()).prop_map(|(c, l)| format!("if {c} == 1 {{ {l}\nabort }}")),
                (value(), inner.clone()).prop_map(|(c, l)| format!("if {c} == 2 {{ {l} }}")),
                (path(), inner.clone(), value()).prop_map(|(over, body, last)| format!(
                    "for_each!({over}) -> |_k, e| {{ {body}\n{last} }}"
                )),
            ]
        })
        .boxed()
}

fn start() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("v = 1\nw = []"),
        Just("v = {}\nw = \"a\""),
        Just("v = .x\nw = .l")
    ]
}

/// The statements that compile after those before them: most random statements do not.
fn program(start: &str, statements: &[String]) -> String {
    let mut program = start.to_owned();
    for statement in statements {
        let longer = format!("{program}\n{statement}");
        // Variables must be used, or the compiler says so.
        if Map::compile(&format!("{longer}\n.used = [v, w]"), &input()).is_ok() {
            program = longer;
        }
    }
    format!("{program}\n.used = [v, w]")
}

fn condition() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just(".i"),
        Just(".s"),
        Just(".n"),
        Just(".o"),
        Just(".b"),
        Just(".m"),
        Just(".m.k"),
        Just(".x"),
        Just(".l[0]"),
    ];
    let literal = prop_oneof![
        Just("1"),
        Just("2.5"),
        Just("\"a\""),
        Just("null"),
        Just("true"),
        Just("false")
    ];
    let test = prop_oneof![
        (field.clone(), literal.clone())
            .prop_map(|(field, literal)| format!("{field} == {literal}")),
        (field.clone(), literal).prop_map(|(field, literal)| format!("{literal} != {field}")),
        field.clone().prop_map(|field| format!("exists({field})")),
        (
            prop_oneof![Just(""), Just("!")],
            prop_oneof![
                Just("is_string"),
                Just("is_null"),
                Just("is_nullish"),
                Just("is_integer"),
                Just("is_object"),
                Just("is_array"),
                Just("is_float"),
                Just("is_boolean"),
            ],
            field
        )
            .prop_map(|(not, test, field)| format!("{not}{test}({field})")),
    ];
    let test = test.prop_recursive(3, 8, 2, |inner| {
        (
            inner.clone(),
            prop_oneof![3 => Just("&&"), 1 => Just("||")],
            inner,
        )
            .prop_map(|(left, op, right)| format!("({left} {op} {right})"))
    });
    prop::collection::vec(test, 1..4).prop_map(|tests| tests.join(" && "))
}

fn message(payload: Json) -> Message {
    Message {
        payload: Value::from(payload),
        metadata: Value::from(
            json!({"id": "1", "time": "2026-01-01T00:00:00Z", "headers": {"a": "b"}}),
        ),
    }
}

/// How many random statements compiled; a property of nothing proves nothing.
static COMPILED: AtomicUsize = AtomicUsize::new(0);

fn maps_are_sound(source: &str, payloads: &[Json]) -> Result<(), TestCaseError> {
    let Ok((map, output)) = Map::compile(source, &input()) else {
        return Ok(());
    };
    COMPILED.fetch_add(source.lines().count() - 3, Ordering::Relaxed);
    let output = Contract::new(output.to_schema()).unwrap();
    for payload in payloads {
        let mut message = message(payload.clone());
        if map.run(&mut message).is_ok() {
            let wire = Value::from(serde_json::to_value(&message.payload).unwrap());
            prop_assert_eq!(
                output.check(&wire),
                Ok(()),
                "{}\n{} -> {}\n{}",
                source,
                payload,
                wire,
                output.schema()
            );
            prop_assert_eq!(output.check(&message.payload), Ok(()));
        }
    }
    Ok(())
}

#[test]
fn the_start_of_every_program_compiles() {
    for start in ["v = 1\nw = []", "v = {}\nw = \"a\"", "v = .x\nw = .l"] {
        assert!(Map::compile(&program(start, &[]), &input()).is_ok());
        assert!(Map::compile(&program(start, &[".i = 2".to_owned()]), &input()).is_ok());
    }
}

#[test]
fn maps_make_what_they_say() {
    let config = ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let payloads = prop::collection::vec(payload(), 4);
    let statements = prop::collection::vec(statement(), 1..10);
    proptest!(config, |(start in start(), statements in statements, payloads in payloads)| {
        maps_are_sound(&program(start, &statements), &payloads)?;
    });
    let compiled = COMPILED.load(Ordering::Relaxed);
    eprintln!("{compiled} random statements compiled");
    assert!(compiled > 300);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn computed_values_have_their_type(source in value(), payloads in prop::collection::vec(payload(), 4)) {
        let source = format!("v = 1\nw = \"a\"\n{source}");
        let Ok((computed, output)) = Computed::compile(&source, &input()) else { return Ok(()) };
        let output = Contract::new(output.to_schema()).unwrap();
        for payload in payloads {
            let mut message = message(payload.clone());
            let before = message.payload.clone();
            if let Ok(value) = computed.run(&mut message) {
                prop_assert_eq!(output.check(&value), Ok(()), "{}\n{}", source, payload);
            }
            prop_assert_eq!(&message.payload, &before);
        }
    }

    #[test]
    fn what_passes_a_filter_has_the_narrowed_type(source in condition(), payloads in prop::collection::vec(payload(), 12)) {
        let Ok((filter, output)) = Filter::compile(&source, &input()) else { return Ok(()) };
        let output = Contract::new(output.to_schema()).unwrap();
        for payload in payloads {
            let mut message = message(payload.clone());
            if filter.run(&mut message) == Ok(true) {
                prop_assert_eq!(output.check(&message.payload), Ok(()), "{}\n{}", source, payload);
            }
        }
    }
}
