//! What becomes of odd YAML.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use vrsky_compiler::{
    Compiled, Diagnostic, Document, Incumbents, Repository, Severity, World, compile, locate,
};
use vrsky_plan::TenantName;

const TENANT: &str = "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {namespaces: [acme]}\n";
const FLOW: &str = "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {name: a, namespace: acme}\nspec:\n  source: {connector: generate, with: {every: 1s}}\n  sinks: {out: {connector: log}}\n";

fn document(origin: &str, text: &str) -> Document {
    Document::new(origin, text)
}

fn compiled(text: &str) -> Compiled {
    compile(&World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![document("a.yaml", text), document("tenant.yaml", TENANT)],
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    })
}

fn flows(compiled: &Compiled) -> usize {
    compiled
        .plan
        .tenants
        .values()
        .map(|tenant| tenant.programs.len())
        .sum()
}

fn codes(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|found| found.code.to_string()).collect()
}

#[test]
fn line_ends_marks_and_empty_documents_are_no_matter() {
    for text in [
        FLOW.to_owned(),
        FLOW.replace('\n', "\r\n"),
        format!("\u{feff}{FLOW}"),
        format!("---\n---\n{FLOW}---\n"),
        format!("# a comment\n---\n{FLOW}...\n"),
    ] {
        let compiled = compiled(&text);
        assert_eq!(
            codes(&compiled.diagnostics),
            Vec::<String>::new(),
            "{text:?}"
        );
        assert_eq!(flows(&compiled), 1, "{text:?}");
    }
}

#[test]
fn objects_of_others_are_not_looked_at() {
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nspec: {{whatever: 1}}\n---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\nfoo: bar\n---\n{FLOW}"
    );
    let compiled = compiled(&text);
    assert!(compiled.diagnostics.is_empty());
    assert_eq!(flows(&compiled), 1);
}

#[test]
fn a_list_is_its_items_and_places_lead_into_it() {
    let item = FLOW
        .replace('\n', "\n    ")
        .replace("every: 1s", "every: 1x");
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n  - {}",
        item.trim_end()
    );
    let compiled = compiled(&text);
    assert_eq!(codes(&compiled.diagnostics), ["VRS0303"]);
    assert_eq!(&text[compiled.diagnostics[0].primary.span.clone()], "1x");
}

#[test]
fn a_broken_document_does_not_hide_the_next_one() {
    let compiled = compiled(&format!("a: [1\n---\n{FLOW}"));
    assert_eq!(codes(&compiled.diagnostics), ["VRS0001"]);
    assert_eq!(flows(&compiled), 1);
}

#[test]
fn tabs_and_unknown_aliases_are_mistakes() {
    assert_eq!(codes(&compiled("a:\n\tb: 1\n").diagnostics), ["VRS0001"]);
    assert_eq!(codes(&compiled("a: *b\n").diagnostics), ["VRS0001"]);
    assert_eq!(codes(&compiled("a: &a [*a]\n").diagnostics), ["VRS0001"]);
}

#[test]
fn an_alias_stands_for_its_value() {
    let text = FLOW.replace("every: 1s", "every: &pause 1s, payload: {pause: *pause}");
    assert!(compiled(&text).diagnostics.is_empty());
}

#[test]
fn rendered_manifests_tell_where_they_are_from() {
    let wrong = FLOW.replace("every", "evry");
    let helm = format!("---\n# Source: chart/templates/flow.yaml\n{wrong}");
    let kustomize = wrong.replace(
        "namespace: acme}",
        "namespace: acme, annotations: {config.kubernetes.io/origin: \"path: base/flow.yaml\\n\"}}",
    );
    for (text, origin) in [
        (helm, "chart/templates/flow.yaml"),
        (kustomize, "base/flow.yaml"),
    ] {
        let compiled = compiled(&text);
        assert_eq!(codes(&compiled.diagnostics), ["VRS0302", "VRS0301"]);
        assert_eq!(compiled.diagnostics[0].primary.origin, origin);
    }
}

#[test]
fn names_of_objects_lead_to_lines() {
    let document = document("a.yaml", FLOW);
    let found = |path: &str| locate(&document, "Flow", "acme", "a", path).map(|span| &FLOW[span]);
    assert_eq!(found("spec.sinks.out"), Some("out"));
    assert_eq!(found("spec.sinks.out.with.path"), Some("out"));
    assert_eq!(locate(&document, "Flow", "acme", "b", "spec"), None);
}

#[test]
fn what_another_repository_holds_is_neither_right_nor_wrong() {
    let text = FLOW.replace(
        "{connector: generate, with: {every: 1s}}",
        "{topic: elsewhere/orders}",
    );
    let mut world = World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![document("a.yaml", &text), document("tenant.yaml", TENANT)],
        repository: Some(Repository {
            tenants: BTreeSet::from([TenantName::new("acme").unwrap()]),
        }),
        incumbents: Incumbents::default(),
        replicas: 1,
    };
    let found = compile(&world).diagnostics;
    assert_eq!(
        (found.len(), found[0].severity),
        (1, Severity::Unverifiable)
    );
    world
        .repository
        .as_mut()
        .unwrap()
        .tenants
        .insert(TenantName::new("elsewhere").unwrap());
    assert_eq!(compile(&world).diagnostics[0].severity, Severity::Error);
    world.repository = None;
    assert_eq!(compile(&world).diagnostics[0].severity, Severity::Error);
}
