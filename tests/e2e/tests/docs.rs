//! What the documentation shows is true: every manifest in it compiles, every file it links exists.
//!
//! The manifests of one page are compiled together; a lone `source:` or `sinks:` becomes a Flow. What
//! a page leaves out for brevity (a Tenant, say) stands in a comment `<!-- manifest` … `-->` beside
//! it. Pages of diagnostics are tested by the compiler's own fixtures.
#![allow(clippy::similar_names, clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use vrsky_compiler::{Document, Severity, World, compile};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/adr", "docs/codes"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
    pages.sort();
    pages
}

/// The texts between a line that starts with `open` and the next line `close`.
fn blocks<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut start = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        match start {
            None if line.trim_end() == open => start = Some(offset + line.len()),
            Some(begin) if line.trim_end() == close => {
                found.push(&text[begin..offset]);
                start = None;
            }
            _ => {}
        }
        offset += line.len();
    }
    found
}

/// The manifest that a fence shows, whole or completed; `None` for YAML of other sorts.
fn manifest(block: &str, index: usize) -> Option<String> {
    let head = format!(
        "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {{name: shown-{index}, namespace: docs}}\nspec:\n"
    );
    let indented = || format!("  {}\n", block.trim_end().replace('\n', "\n  "));
    if block.starts_with("source:") {
        Some(format!(
            "{head}{}  sinks: {{all: {{connector: log}}}}\n",
            indented()
        ))
    } else if block.starts_with("sinks:") {
        let source = format!(
            "  source: {{connector: webhook, with: {{path: /shown-{index}}}, contract: {{fields: {{id: string, country: string}}}}}}\n"
        );
        let other = "    other: {when: .country == \"DE\", connector: log}\n";
        Some(format!("{head}{source}{}{other}", indented()))
    } else {
        block.contains("kind:").then(|| block.to_owned())
    }
}

#[test]
fn every_manifest_in_the_documentation_compiles() {
    let mut compiled = 0;
    for page in pages() {
        if page
            .parent()
            .is_some_and(|folder| folder.ends_with("codes"))
        {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        let shown: Vec<String> = blocks(&text, "```yaml", "```")
            .into_iter()
            .enumerate()
            .filter_map(|(index, block)| manifest(block, index))
            .collect();
        if shown.is_empty() {
            continue;
        }
        compiled += shown.len();
        let hidden = blocks(&text, "<!-- manifest", "-->");
        let hidden = hidden.into_iter().map(str::to_owned);
        let documents = shown
            .into_iter()
            .chain(hidden)
            .enumerate()
            .map(|(index, block)| {
                Document::new(
                    format!("{}#{index}", page.file_name().unwrap().to_string_lossy()),
                    block,
                )
            });
        let world = World {
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            documents: documents.collect(),
            repository: None,
            incumbents: vrsky_compiler::Incumbents::default(),
            replicas: 1,
        };
        let errors: Vec<_> = compile(&world)
            .diagnostics
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| {
                format!(
                    "{} {} at {}",
                    diagnostic.code, diagnostic.headline, diagnostic.primary.path
                )
            })
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", page.display());
    }
    assert!(
        compiled >= 8,
        "only {compiled} manifests were found: has the fence changed?"
    );
}

#[test]
fn every_relative_link_in_the_documentation_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            followed += 1;
            let path: PathBuf = page.parent().unwrap_or(Path::new("")).join(target);
            assert!(
                path.exists(),
                "{} links to {target}, which does not exist",
                page.display()
            );
        }
    }
    assert!(followed >= 20, "only {followed} links were found");
}
