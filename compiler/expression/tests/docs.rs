//! `docs/expressions.md` says what is so: its function list is generated (`UPDATE=1` rewrites it),
//! its examples compile.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use vrsky_expression::{Computed, Filter, Map, function_names};
use vrsky_types::{Contract, Type};

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/expressions.md")
}

/// The text of fenced blocks with an info string that starts so.
fn blocks<'a>(text: &'a str, info: &str) -> Vec<(&'a str, &'a str)> {
    text.split("\n```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .filter(|(found, _)| found.starts_with(info))
        .collect()
}

#[test]
fn the_function_list_is_the_one_that_compiles() {
    let text = std::fs::read_to_string(page()).unwrap();
    let (head, rest) = text.split_once("<!-- functions -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- /functions -->").unwrap();
    let mut list = String::new();
    for name in function_names() {
        writeln!(list, "- [`{name}`](https://vrl.dev/docs/functions#{name})").unwrap();
    }
    let wanted = format!("{head}<!-- functions -->\n{list}<!-- /functions -->{tail}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(page(), wanted).unwrap();
    } else {
        assert_eq!(text, wanted);
    }
}

#[test]
fn every_example_compiles() {
    let text = std::fs::read_to_string(page()).unwrap();
    let fields: BTreeMap<String, String> =
        serde_json::from_str(blocks(&text, "json")[0].1).unwrap();
    let schema = Contract::schema_of_fields(&fields).unwrap();
    let input: Type = Contract::new(schema).unwrap().payload().clone();
    let examples = blocks(&text, "vrl");
    assert!(examples.len() >= 8);
    for (info, source) in examples {
        let result = match info {
            "vrl filter" => Filter::compile(source, &input).map(|_| ()),
            "vrl map" => Map::compile(source, &input).map(|_| ()),
            "vrl computed" => Computed::compile(source, &input).map(|_| ()),
            other => panic!("no use `{other}`"),
        };
        assert_eq!(result, Ok(()), "{source}");
    }
}

#[test]
fn the_list_is_sorted_and_harmless() {
    let names = function_names();
    assert!(names.is_sorted());
    for name in [
        "now",
        "uuid_v4",
        "random_int",
        "get_env_var",
        "log",
        "http_request",
        "range",
        "decode_gzip",
        "set",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
}
