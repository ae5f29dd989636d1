//! Every code has a page, a manifest in which it is found at the marked place, and a fixed manifest.
//!
//! A marker stands on the line below the place: `#^^^ error[VRS0102]: headline`. The carets are below
//! the place's columns. `UPDATE=1` rewrites the markers.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
// The tests read files and `UPDATE`; the compiler does not.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use vrsky_compiler::{
    Code, Compiled, Diagnostic, Document, Incumbents, Severity, World, codes, compile,
};

const TENANTS: &str = "
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {namespaces: [acme]}
---
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: globex}
spec: {namespaces: [globex]}
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn compiled(text: &str) -> Compiled {
    compile(&World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![
            Document::new("fixture.yaml", text),
            Document::new("tenants.yaml", TENANTS),
        ],
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    })
}

fn is_marker(line: &str) -> bool {
    line.trim_start().strip_prefix('#').is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.starts_with('^') && rest.contains("[VRS")
    })
}

/// The text without its markers.
fn bare(text: &str) -> String {
    text.lines()
        .filter(|line| !is_marker(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The text with a marker for each finding.
fn marked(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut marked = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        marked.push_str(line);
        let end = start + line.len();
        for found in diagnostics {
            let span = &found.primary.span;
            let last = end == text.len() && span.start == end;
            if (start..end).contains(&span.start) || last {
                let column = text[start..span.start].chars().count().max(1);
                let width = text[span.start..span.end.min(end)]
                    .trim_end()
                    .chars()
                    .count()
                    .max(1);
                let severity = match found.severity {
                    Severity::Error => "error",
                    Severity::Unverifiable => "unverifiable",
                    Severity::Unproven => "unproven",
                    Severity::Warning => "warning",
                };
                let indent = line.len() - line.trim_start_matches(' ').len();
                let indent = indent.min(column - 1);
                writeln!(
                    marked,
                    "{}#{}{} {severity}[{}]: {}",
                    " ".repeat(indent),
                    " ".repeat(column - 1 - indent),
                    "^".repeat(width),
                    found.code,
                    found.headline
                )
                .unwrap();
            }
        }
        start = end;
    }
    marked
}

#[test]
fn each_code_is_found_where_its_fixture_says() {
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    let mut wrong = Vec::new();
    for (code, _) in codes::codes() {
        let path = folder().join(format!("{code}.yaml"));
        let text = fs::read_to_string(&path).unwrap();
        let source = bare(&text);
        let diagnostics = compiled(&source).diagnostics;
        let expected = marked(&source, &diagnostics);
        if !diagnostics.iter().any(|found| found.code == *code) {
            let found: Vec<String> = diagnostics
                .iter()
                .map(|found| format!("{}: {}", found.code, found.headline))
                .collect();
            wrong.push(format!("{code} is not found in its fixture, but {found:?}"));
        } else if update {
            fs::write(&path, expected).unwrap();
        } else if expected != text {
            wrong.push(format!("{code}:\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_fixed_version_compiles_without_a_word() {
    let mut wrong = Vec::new();
    for (code, _) in codes::codes() {
        let text = fs::read_to_string(folder().join(format!("{code}.fixed.yaml"))).unwrap();
        for found in compiled(&text).diagnostics {
            wrong.push(format!(
                "{code}: {} {}: {}",
                found.code, found.primary.path, found.headline
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_code_and_every_code_a_page_of_its_own() {
    let mut declared = BTreeSet::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let codes = text.matches("const CODE: Code = Code(").count();
            let group = path.file_name().unwrap() == "expression.rs";
            assert_eq!(codes, usize::from(!group), "{}", path.display());
            if let Some((_, rest)) = text.split_once("const CODE: Code = Code(") {
                let number = rest.split(')').next().unwrap().parse().unwrap();
                assert!(
                    declared.insert(Code(number)),
                    "two checks have the code {}",
                    Code(number)
                );
            }
        }
    }
    let registered: BTreeSet<Code> = codes::codes().iter().map(|(code, _)| *code).collect();
    assert_eq!(declared, registered);
    assert!(registered.len() >= 25);
    for (code, title) in codes::codes() {
        let page = codes::page(*code).unwrap();
        assert!(page.starts_with(&format!("# {code}: {title}\n")) && !title.is_empty());
        assert!(page.contains("**What to do.**"), "{code}");
    }
    assert_eq!(codes::page(Code(9_999)), None);
}

#[test]
fn no_finding_leads_outside_its_document() {
    for (code, _) in codes::codes() {
        let text = bare(&fs::read_to_string(folder().join(format!("{code}.yaml"))).unwrap());
        for found in compiled(&text).diagnostics {
            for label in std::iter::once(&found.primary).chain(&found.labels) {
                let document = if label.document == 0 {
                    text.as_str()
                } else {
                    TENANTS
                };
                assert!(
                    document.get(label.span.clone()).is_some(),
                    "{code}: {label:?}"
                );
            }
        }
    }
}

#[test]
fn every_patch_makes_its_finding_vanish() {
    let mut patches = 0;
    for (code, _) in codes::codes() {
        let text = bare(&fs::read_to_string(folder().join(format!("{code}.yaml"))).unwrap());
        for found in compiled(&text).diagnostics {
            let Some(patch) = found.help.as_ref().and_then(|help| help.patch.clone()) else {
                continue;
            };
            patches += 1;
            let mut mended = text.clone();
            mended.replace_range(patch.span, &patch.text);
            let left = compiled(&mended).diagnostics;
            let same = |other: &Diagnostic| {
                (other.code, &other.object, &other.primary.path)
                    == (found.code, &found.object, &found.primary.path)
            };
            assert!(!left.iter().any(same), "{code}: {mended}\n{left:#?}");
        }
    }
    assert!(patches >= 10, "{patches}");
}
