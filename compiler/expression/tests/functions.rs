//! Every allowed function, with arguments that nobody would write: it may refuse and it may fail, it
//! may not panic, hang, or grow without bound, and what it returns has the type that it declares.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs)]

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use vrl::value::Value;
use vrsky_expression::{Computed, Message, function_names};
use vrsky_types::{Contract, Type};

const ARGUMENTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "37",
    "9223372036854775807",
    "-9223372036854775807",
    ".min",
    "1.5",
    "-0.0",
    ".huge",
    "\"\"",
    "\"a\"",
    "\"é\u{1F600}\"",
    "\"a=b c=d\"",
    "\"{\\\"a\\\": [1]}\"",
    "\"1.1.1.1/8\"",
    "\"%\"",
    "\"%Q%\"",
    "\"%+\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"10ms\"",
    "\"%ZZ%e9\"",
    "\"http://[::1]:99/?a=b\"",
    "\"<a b='c'>d</a>\"",
    "\"1024KiB\"",
    "\"base64\"",
    "\"snake\"",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[1, \"a\", null, [1]]",
    "[[\"a\", 1]]",
    "{\"a\": {\"b\": 1}, \"c.d\": 2}",
    "[\"a\", \"b\"]",
    "[0]",
    "[\"a\"]",
    "r'a'",
    "r'(?P<x>a)|b'",
    "r''",
    "t'2026-01-01T00:00:00Z'",
    "t'9999-12-31T23:59:59Z'",
    ".x",
    ".list",
    ".long",
    ".deep",
    ".",
    "%",
    "%id",
    ".never",
    ".list[0]",
    "(.huge * 10.0)",
    "(-1.0 * .huge * 10.0)",
];

fn argument() -> impl Strategy<Value = &'static str> {
    select(ARGUMENTS)
}

fn payload() -> serde_json::Value {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!({"a": deep, "b": [1, "x"]});
    }
    json!({
        "min": i64::MIN,
        "huge": 1e308,
        "x": "\u{0}x\u{fffd}",
        "list": [i64::MAX, 0.1, "a", null, {"key": "k", "value": 1}, [1, 2]],
        "long": "ab\"\\".repeat(500),
        "deep": deep,
    })
}

fn input() -> Type {
    let schema = json!({
        "type": "object",
        "properties": {
            "min": {"type": "integer"}, "huge": {"type": "number"}, "x": true, "list": true, "long": {"type": "string"},
            "deep": true, "never": true,
        },
    });
    Contract::new(schema).unwrap().payload().clone()
}

fn check(source: &str) -> Result<bool, TestCaseError> {
    // Shown when the process ends: what it did last.
    eprintln!("{source}");
    let Ok((computed, output)) = Computed::compile(source, &input()) else {
        return Ok(false);
    };
    let metadata = Value::from(json!({"id": "1", "time": "2026-01-01T00:00:00Z"}));
    let mut message = Message {
        payload: Value::from(payload()),
        metadata,
    };
    if let Ok(value) = computed.run(&mut message) {
        let wire = serde_json::to_value(&value).unwrap();
        prop_assert!(wire.to_string().len() < 1 << 24, "{source}");
        let contract = Contract::new(output.to_schema()).unwrap();
        prop_assert_eq!(contract.check(&Value::from(wire)), Ok(()), "{}", source);
    }
    Ok(true)
}

fn call(name: &str, arguments: &str, closure: &str) -> Result<(), TestCaseError> {
    if !check(&format!("{name}!({arguments}){closure}"))? {
        check(&format!("{name}({arguments}){closure}"))?;
    }
    Ok(())
}

#[test]
fn every_function_takes_every_single_argument() {
    let mut wrong = Vec::new();
    for name in function_names() {
        for argument in ARGUMENTS {
            match std::panic::catch_unwind(|| call(name, argument, "")) {
                Ok(result) => wrong.extend(result.err().map(|error| error.to_string())),
                Err(_) => wrong.push(format!("{name}({argument}) panics")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_arguments_break_a_function(
        name in select(function_names()),
        arguments in prop::collection::vec(argument(), 2..4),
        closure in select(vec!["", "", "", " -> |a| { a }", " -> |a, b| { b }", " -> |_a, b| { b == 1 }", " -> |_a| { \"k\" }"]),
    ) {
        call(name, &arguments.join(", "), closure)?;
    }

    #[test]
    fn no_operands_break_an_operator(
        op in select(vec!["+", "-", "*", "/", "==", "!=", "<", ">", ">=", "<=", "&&", "||", "|", "??"]),
        left in argument(),
        right in argument(),
    ) {
        check(&format!("({left} {op} {right}) ?? \"failed\""))?;
        check(&format!("{left} {op} {right}"))?;
    }
}
