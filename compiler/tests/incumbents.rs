//! Nobody's manifest stops what runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_compiler::{Compiled, Document, World, compile};
use vrsky_plan::program::Source;
use vrsky_plan::{FlowId, Program, TenantName};

const TENANT: &str = "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {namespaces: [acme], quotas: {flows: 1}}\n";

fn flow(name: &str, path: &str) -> String {
    format!(
        "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {{name: {name}, namespace: acme}}\nspec:\n  source: {{connector: webhook, with: {{path: {path}}}}}\n  sinks: {{out: {{connector: log}}}}\n"
    )
}

/// Compiles files (name and text) beside what runs.
fn compiled(files: &[(&str, &str)], running: &[&Arc<Program>]) -> Compiled {
    compile(&World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: files
            .iter()
            .map(|(origin, text)| Document {
                origin: (*origin).to_owned(),
                text: (*text).into(),
                before: None,
            })
            .collect(),
        repository: None,
        incumbents: running
            .iter()
            .map(|program| {
                (
                    (program.tenant.clone(), program.flow.clone()),
                    Arc::clone(program),
                )
            })
            .collect(),
        replicas: 1,
    })
}

fn programs(compiled: &Compiled) -> BTreeMap<FlowId, Arc<Program>> {
    compiled.plan.tenants[&TenantName::new("acme").unwrap()]
        .programs
        .clone()
}

fn names(compiled: &Compiled) -> Vec<String> {
    programs(compiled)
        .keys()
        .map(|flow| flow.name().to_owned())
        .collect()
}

fn codes(compiled: &Compiled) -> Vec<String> {
    compiled
        .diagnostics
        .iter()
        .map(|found| found.code.to_string())
        .collect()
}

fn program(compiled: &Compiled, name: &str) -> Arc<Program> {
    programs(compiled)[&FlowId::new("acme", name).unwrap()].clone()
}

fn path(program: &Program) -> String {
    let Source::Connector { with, .. } = &program.source else {
        panic!("no connector");
    };
    with["path"].as_str().unwrap().to_owned()
}

#[test]
fn a_quota_is_for_newcomers() {
    let (first, second) = (flow("first", "/a"), flow("second", "/b"));
    let alone = compiled(&[("t.yaml", TENANT), ("z.yaml", &second)], &[]);
    let running = program(&alone, "second");
    let files = [
        ("a.yaml", first.as_str()),
        ("t.yaml", TENANT),
        ("z.yaml", &second),
    ];
    let both = compiled(&files, &[&running]);
    assert_eq!(codes(&both), ["VRS0208"]);
    assert_eq!(names(&both), ["second"]);
    // Without what runs, the first by origin wins.
    assert_eq!(names(&compiled(&files, &[])), ["first"]);
}

#[test]
fn a_path_belongs_to_the_flow_that_runs_with_it() {
    let tenant = TENANT.replace("flows: 1", "flows: 9");
    let second = flow("second", "/hook");
    let alone = compiled(&[("t.yaml", &tenant), ("z.yaml", &second)], &[]);
    let running = program(&alone, "second");
    let first = flow("first", "/hook");
    let both = compiled(
        &[("a.yaml", &first), ("t.yaml", &tenant), ("z.yaml", &second)],
        &[&running],
    );
    assert_eq!(codes(&both), ["VRS0206"]);
    assert_eq!(names(&both), ["second"]);
    // Its change is withheld, so it keeps the path that it runs with, whatever its manifest says.
    let broken = flow("second", "/elsewhere").replace("log", "lag");
    let both = compiled(
        &[("a.yaml", &first), ("t.yaml", &tenant), ("z.yaml", &broken)],
        &[&running],
    );
    assert_eq!(codes(&both), ["VRS0206", "VRS0201"]);
    assert_eq!(path(&program(&both, "second")), "/hook");
}

#[test]
fn a_copy_changes_nothing_that_runs() {
    let old = flow("first", "/a");
    let alone = compiled(&[("t.yaml", TENANT), ("z.yaml", &old)], &[]);
    let running = program(&alone, "first");
    let copy = flow("first", "/b");
    let both = compiled(
        &[("a.yaml", &copy), ("t.yaml", TENANT), ("z.yaml", &old)],
        &[&running],
    );
    assert_eq!(codes(&both), ["VRS0108"]);
    assert_eq!(path(&program(&both, "first")), "/a");
}

#[test]
fn deletion_executes() {
    let text = flow("first", "/a");
    let alone = compiled(&[("t.yaml", TENANT), ("z.yaml", &text)], &[]);
    let running = program(&alone, "first");
    assert!(names(&compiled(&[("t.yaml", TENANT)], &[&running])).is_empty());
}

#[test]
fn a_tenant_made_again_inherits_nothing() {
    let text = flow("first", "/a");
    let running = program(
        &compiled(&[("t.yaml", TENANT), ("z.yaml", &text)], &[]),
        "first",
    );
    let again = TENANT.replace("name: acme", "name: acme, uid: another");
    let broken = text.replace("log", "lag");
    assert!(
        names(&compiled(
            &[("t.yaml", &again), ("z.yaml", &broken)],
            &[&running]
        ))
        .is_empty()
    );
}
