//! Tables of expressions and what becomes of them: `tests/cases/*.txt`. `UPDATE=1` rewrites what is
//! expected; read the difference.
//!
//! A case is `## <filter|map|computed> <type>: title`, the expression, and after `=>` either the type
//! that comes out or the mistakes, with the text that each points to.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    missing_docs
)]

use std::fmt::Write as _;

use serde_json::json;
use vrsky_expression::{Computed, Filter, Map, Mistake};
use vrsky_types::{Contract, Type};

fn r#type(name: &str) -> Type {
    let schema = match name {
        "order" => json!({
            "type": "object",
            "required": ["id", "total", "country", "items", "customer"],
            "additionalProperties": false,
            "properties": {
                "id": {"type": "string"},
                "total": {"type": "number"},
                "count": {"type": "integer"},
                "country": {"type": "string"},
                "paid": {"type": ["boolean", "null"]},
                "email": {"type": ["string", "null"]},
                "items": {"type": "array", "items": {
                    "type": "object", "required": ["sku", "quantity"], "additionalProperties": false,
                    "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
                }},
                "customer": {
                    "type": "object", "required": ["name"], "additionalProperties": false,
                    "properties": {"name": {"type": "string"}, "phone": {"type": "string"}},
                },
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "extra": true,
            },
        }),
        "open" => json!({
            "type": "object",
            "required": ["action"],
            "properties": {
                "action": {"type": "string"},
                "number": {"type": "integer"},
                "repository": {"type": "object", "properties": {"full_name": {"type": "string"}}},
            },
        }),
        "any" => json!(true),
        other => panic!("no type `{other}`"),
    };
    Contract::new(schema).unwrap().payload().clone()
}

fn compile(purpose: &str, source: &str, input: &Type) -> Result<Type, Vec<Mistake>> {
    match purpose {
        "filter" => Filter::compile(source, input).map(|(_, output)| output),
        "map" => Map::compile(source, input).map(|(_, output)| output),
        "computed" => Computed::compile(source, input).map(|(_, output)| output),
        other => panic!("no purpose `{other}`"),
    }
}

fn outcome(purpose: &str, source: &str, input: &Type) -> String {
    let mut text = String::new();
    match compile(purpose, source, input) {
        Ok(output) if purpose == "filter" && output == *input => text.push_str("ok\n"),
        Ok(output) => writeln!(
            text,
            "ok {}",
            difference(&input.to_schema(), &output.to_schema())
        )
        .unwrap(),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let place = source.get(mistake.span.clone()).unwrap();
                writeln!(
                    text,
                    "{:?} at `{}`: {}",
                    mistake.kind,
                    place.replace('\n', "\\n"),
                    mistake.message
                )
                .unwrap();
                assert!(!mistake.message.contains('\n'));
                if let Some(help) = &mistake.help {
                    writeln!(text, "  help: {help}").unwrap();
                }
                if let Some((range, replacement)) = &mistake.fix {
                    let mut mended = source.to_owned();
                    mended.replace_range(range.clone(), replacement);
                    let left = compile(purpose, &mended, input).err().unwrap_or_default();
                    let gone = !left.iter().any(|other| {
                        other.kind == mistake.kind && other.message == mistake.message
                    });
                    assert!(gone, "the fix of `{source}` does not mend it: {left:?}");
                    writeln!(text, "  fix: {}", mended.replace('\n', "\\n")).unwrap();
                }
            }
        }
    }
    text
}

/// What of an object type is new, other, or gone; or all of another type.
fn difference(from: &serde_json::Value, to: &serde_json::Value) -> String {
    let (Some(before), Some(after)) = (from.get("properties"), to.get("properties")) else {
        return to.to_string();
    };
    if from.get("additionalProperties") != to.get("additionalProperties") {
        return to.to_string();
    }
    let required = |schema: &serde_json::Value, name: &str| {
        schema
            .get("required")
            .and_then(|names| names.as_array())
            .is_some_and(|names| names.iter().any(|found| found == name))
    };
    let mut parts = Vec::new();
    for (name, schema) in after.as_object().unwrap() {
        if before.get(name) != Some(schema) || required(from, name) != required(to, name) {
            let optional = if required(to, name) { "" } else { "?" };
            parts.push(format!("{name}{optional}: {schema}"));
        }
    }
    for name in before
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| after.get(name).is_none())
    {
        parts.push(format!("without {name}"));
    }
    parts.join(", ")
}

fn rewritten(text: &str) -> String {
    let mut out = String::new();
    for (position, block) in text.split("\n## ").enumerate() {
        if position == 0 && !block.starts_with("## ") {
            out.push_str(block.trim_end());
            out.push('\n');
            continue;
        }
        let block = block.strip_prefix("## ").unwrap_or(block);
        let (header, rest) = block.split_once('\n').unwrap();
        let source = rest.split("\n=>\n").next().unwrap().trim_end();
        let (purpose, name) = header.split_once(':').unwrap().0.split_once(' ').unwrap();
        let found = outcome(purpose, source, &r#type(name));
        if !out.is_empty() {
            out.push('\n');
        }
        write!(out, "## {header}\n{source}\n=>\n{found}").unwrap();
    }
    out
}

#[test]
fn every_case_comes_out_as_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = rewritten(&text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, found).unwrap();
        } else {
            assert_eq!(found, text, "{}", file.display());
        }
    }
}
