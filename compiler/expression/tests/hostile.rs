//! Hostile text: refused or compiled, never a panic, and never for long. Times are printed, not
//! asserted; a hang fails by the test runner's own limit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs
)]

use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;
use vrsky_expression::{Computed, Filter, Map, MistakeKind, guard};
use vrsky_types::{Contract, Type};

fn order() -> Type {
    let schema = json!({
        "type": "object",
        "required": ["id", "total"],
        "properties": {"id": {"type": "string"}, "total": {"type": "integer"}, "x": true},
    });
    Contract::new(schema).unwrap().payload().clone()
}

fn kinds(source: &str) -> Vec<MistakeKind> {
    let input = order();
    let start = Instant::now();
    let result = Map::compile(source, &input).err();
    let map = start.elapsed();
    let _ = Filter::compile(source, &input);
    let _ = Computed::compile(source, &input);
    let shown: String = source.chars().take(24).collect();
    eprintln!(
        "{:>9.1?} {:>6} bytes {} {shown:?}",
        map,
        source.len(),
        if result.is_some() {
            "refused"
        } else {
            "typed  "
        }
    );
    result
        .unwrap_or_default()
        .into_iter()
        .map(|mistake| mistake.kind)
        .collect()
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!(
        ".y = {}{inner}{}",
        open.repeat(levels),
        close.repeat(levels)
    )
}

#[test]
fn ten_thousand_terms_are_refused_before_vrl_sees_them() {
    for source in [
        format!(".y = 1{}", " + 1".repeat(10_000)),
        "!".repeat(10_000),
        "-".repeat(10_000),
        "(".repeat(10_000),
        "[".repeat(10_000),
        "{".repeat(10_000),
        format!(".y = {}", "9".repeat(10_000)),
        format!(".y = \"{}\"", "\\\"".repeat(10_000)),
    ] {
        assert_eq!(kinds(&source), [MistakeKind::TooLarge]);
    }
}

#[test]
fn everything_within_two_kilobytes_ends_soon() {
    let branch = " else if .total == 1 { 1 }";
    let cases = [
        format!(".y = 1{}", " + 1".repeat(guard::MAX_OPERATORS - 1)),
        format!(".y = 1{}", "+1".repeat(900)),
        format!(".y = true{}", " && .total == 1".repeat(49)),
        format!(".y = {}true", "!".repeat(99)),
        format!(".y = {}true", "!".repeat(1900)),
        format!(".y = 1{}", " - -1".repeat(49)),
        format!(".y = to_int(.x){} ?? 1", " ?? to_int(.x)".repeat(98)),
        format!(".y = \"a\"{}", " + \"b\"".repeat(98)),
        format!("y = .x\n.y = \"{}\"", "{{ y }}".repeat(90)),
        format!("y = .id\n.y = \"{}\"", "{{y}}".repeat(250)),
        nested("(", "1", ")", 31),
        nested("[", "1", "]", 31),
        nested("{", "1", "}", 31),
        nested("{\"a\":", "1", "}", 31),
        nested("upcase(", ".id", ")", 31),
        nested("to_int!(", ".x", ")", 8),
        nested("to_int!(", ".x", ")", 31),
        nested("if .total == 1 { ", "1", " }", 31),
        nested("map_values(object!(.x)) -> |v| { ", "v", " }", 15),
        nested("for_each(array!(.x)) -> |_i, v| { ", "v", " }", 30),
        format!(
            "if .total == 0 {{ .y = 0 }}{branch}",
            branch = branch.repeat(70)
        ),
        format!(
            ".y = if .total == 0 {{ 0 }}{branch} else {{ 5 }}",
            branch = branch.repeat(45)
        ),
        format!(".y = {}1", "x = ".repeat(400)),
        "x = .x\n".repeat(250),
        ".y = .x\n".repeat(200),
        "abort ".repeat(300),
        format!(".y = {}", "[0]".repeat(600)),
        format!(".y = .x{}", "[0]".repeat(600)),
        format!(".y = .x{}", ".a".repeat(900)),
        format!(".y = {}", ".".repeat(1900)),
        "# comment\n".repeat(200),
        format!(".y = s'{}'", "#\"{{ [ (".repeat(200)),
        format!(".y = \"{}\"", "( [ { + + ".repeat(150)),
        ".y = match(.id, r'(((((\\w{50}){50}){50}){50}){50})')".to_owned(),
        format!(".y = match(.id, r'{}')", "(a|".repeat(400)),
        format!(".y = match(.id, r'{}')", "(".repeat(1000)),
        ".y = match(.id, r'[\\p{L}\\p{N}]{500}[\\p{L}\\p{N}]{500}')".to_owned(),
        ".y = t'2026-13-45T99:99:99Z'".to_owned(),
        ".y = \"\\u{110000}\"".to_owned(),
        ".y = \"\\u{ffffffffffff}\"".to_owned(),
        ".y = -9223372036854775808\n.z = 9223372036854775807".to_owned(),
        ".x[-1000000000] = 1".to_owned(),
        ".x[1000000000] = 1".to_owned(),
        "a.b.c[0].d = 1".to_owned(),
        ".y = .x.\"\\\"\".z".to_owned(),
        ".y, .z = to_int(.x)".to_owned(),
        "_ = 1".to_owned(),
        "a = {}\nfor_each(array!(.x)) -> |_i, v| { a.b = v }\n.y = a.b + 1".to_owned(),
        "{".to_owned(),
        "\u{feff}.y = 1".to_owned(),
        ".y = ¶assume_integer(.x)".to_owned(),
    ];
    for source in cases {
        kinds(&source);
    }
}

#[test]
fn nothing_hides_operators_from_the_guard() {
    let sums = "+1".repeat(200);
    for source in [
        format!(".y = \"\\\\\" + 1{sums}"),
        format!(".y = s'\\'' + 1{sums}"),
        format!(".y = 1 # \"\n+ 1{sums}"),
        format!(".y = \"#\" + 1{sums}"),
        format!(".y = .xs'a' + 1{sums} + 'b'"),
        format!(".y = \"{{{{ x }}}}\" + 1{sums}"),
    ] {
        assert_eq!(kinds(&source), [MistakeKind::TooLarge], "{source}");
    }
}

/// Pieces of programs, so that random text gets past the lexer now and then.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z.%\"'{}()\\[\\]|!?=<>+*/,:;#\\\\ \n0-9-]{0,6}",
        prop_oneof![
            Just(".id"),
            Just(".x"),
            Just("%id"),
            Just(" == "),
            Just(" && "),
            Just("if "),
            Just(" else "),
            Just("map_values(.x) -> |v| { "),
            Just("to_int!("),
            Just("upcase("),
            Just(" ?? "),
            Just("x = "),
            Just("\"{{ x }}\""),
            Just("r'a'"),
            Just("t'"),
            Just("s'"),
            Just("null"),
            Just("\n"),
            Just("[0]"),
            Just("{\"a\": "),
            Just("}"),
            Just(")"),
            Just("]"),
            Just("abort"),
            Just(" |= "),
            Just(", err = "),
            Just("é"),
            Just("\u{1F600}"),
            Just("1.5"),
            Just("del("),
            Just("exists("),
        ]
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_spans_can_be_cut_out(source in soup()) {
        let input = order();
        for mistakes in [
            Map::compile(&source, &input).err(),
            Filter::compile(&source, &input).err(),
            Computed::compile(&source, &input).err(),
        ].into_iter().flatten() {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(source.get(mistake.span.clone()).is_some(), "{mistake:?}");
                prop_assert!(!mistake.message.contains('\n') && mistake.message.len() < 500, "{mistake:?}");
                if let Some((range, _)) = mistake.fix {
                    prop_assert!(source.get(range).is_some());
                }
            }
        }
    }

    #[test]
    fn any_characters_at_all(source in "\\PC{0,80}") {
        let _ = Map::compile(&source, &order());
    }
}
