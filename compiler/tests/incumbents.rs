//! Nobody's manifest stops what runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_compiler::{Compiled, Compiler, Document, Incumbents, World, compile};
use vrsky_plan::program::Source;
use vrsky_plan::{FlowId, Program, TenantName};

const TENANT: &str = "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {namespaces: [acme], quotas: {flows: 1}}\n";

fn flow(name: &str, path: &str) -> String {
    format!(
        "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {{name: {name}, namespace: acme}}\nspec:\n  source: {{connector: webhook, with: {{path: {path}}}}}\n  sinks: {{out: {{connector: log}}}}\n"
    )
}

/// Compiles files (name and text) beside what runs; in groups it comes to the same.
fn compiled(files: &[(&str, &str)], running: &[&Arc<Program>]) -> Compiled {
    let world = world(files, running);
    let (whole, grouped) = (compile(&world), Compiler::default().compile(&world));
    assert_eq!(whole.plan, grouped.plan);
    assert_eq!(whole.diagnostics, grouped.diagnostics);
    whole
}

fn world(files: &[(&str, &str)], running: &[&Arc<Program>]) -> World {
    World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: files
            .iter()
            .map(|(origin, text)| Document::new(*origin, *text))
            .collect(),
        repository: None,
        incumbents: running.iter().copied().cloned().collect(),
        replicas: 1,
    }
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
    with.value()["path"].as_str().unwrap().to_owned()
}

#[test]
fn a_flow_that_cannot_change_keeps_what_runs_now() {
    let (old, new) = (flow("hook", "/old"), flow("hook", "/new"));
    let made = |text: &str| compiled(&[("f.yaml", text), ("t.yaml", TENANT)], &[]);
    let broken = new.replace("connector: log", "connector: lgo");
    let files = [("f.yaml", broken.as_str()), ("t.yaml", TENANT)];
    let mut compiler = Compiler::default();
    for text in [&old, &new] {
        let running = program(&made(text), "hook");
        let held = compiler.compile(&world(&files, &[&running]));
        assert_eq!(program(&held, "hook"), running);
    }
}

#[test]
fn a_body_that_stands_only_in_an_earlier_text_is_typed_as_often_as_needed() {
    let mut compiler = Compiler::default();
    let whole = flow("hook", "/in");
    let larger = TENANT.replace("quotas", "payload: {max: 1Mi}, quotas");
    let mut payloads = Vec::new();
    for tenant in [TENANT, &larger] {
        let mut world = world(
            &[("f.yaml", "kind: Flow\nmetadata: {"), ("t.yaml", tenant)],
            &[],
        );
        world.documents[0].before = Some(whole.as_str().into());
        let (once, again) = (compile(&world), compiler.compile(&world));
        assert_eq!(once.plan, again.plan);
        payloads.push(program(&again, "hook").max_payload);
    }
    assert_eq!(payloads, [512 << 10, 1 << 20]);
}

#[test]
fn a_topic_that_another_tenant_still_reads_is_no_newcomer() {
    let globex = "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {name: globex}\nspec: {namespaces: [globex], quotas: {topics: 1}}\n";
    let topic = |name: &str| {
        format!(
            "apiVersion: vrsky.io/v1alpha1\nkind: Topic\nmetadata: {{name: {name}, namespace: globex}}\nspec: {{contract: {{fields: {{id: string}}}}}}\n"
        )
    };
    let grant = "apiVersion: vrsky.io/v1alpha1\nkind: Grant\nmetadata: {name: stock, namespace: globex}\nspec: {to: {tenant: acme}, topic: stock}\n";
    let reader = "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {name: reader, namespace: acme}\nspec:\n  source: {topic: globex/stock}\n  sinks: {out: {connector: log}}\n";
    let (stock, apples) = (topic("stock"), topic("apples"));
    let before = compiled(
        &[
            ("g.yaml", globex),
            ("grant.yaml", grant),
            ("reader.yaml", reader),
            ("stock.yaml", &stock),
            ("t.yaml", TENANT),
        ],
        &[],
    );
    let running = program(&before, "reader");
    // The grant is gone and so is the flow; what runs still reads.
    let after = compiled(
        &[
            ("apples.yaml", &apples),
            ("g.yaml", globex),
            ("stock.yaml", &stock),
            ("t.yaml", TENANT),
        ],
        &[&running],
    );
    assert_eq!(codes(&after), ["VRS0208"]);
    assert_eq!(after.diagnostics[0].primary.origin, "apples.yaml");
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
fn of_each_flow_one_program_runs_and_a_later_one_takes_its_place() {
    let tenant = ("tenant.yaml", TENANT);
    let [old, new, other] = [("in", "/old"), ("in", "/new"), ("a", "/other")]
        .map(|(name, at)| compiled(&[tenant, ("flow.yaml", &flow(name, at))], &[]))
        .map(|compiled| Incumbents::from(&compiled.plan));
    let mut all = other.clone();
    for next in [&new, &old, &new] {
        all.extend(next.as_slice().iter().cloned());
    }
    let paths: Vec<String> = all.as_slice().iter().map(|it| path(it)).collect();
    assert_eq!(paths, ["/other", "/new"]);
    for program in all.as_slice() {
        let found = all.get(&program.tenant, &program.flow).unwrap();
        assert!(Arc::ptr_eq(found, program));
    }
    let acme = TenantName::new("acme").unwrap();
    assert!(all.get(&acme, &FlowId::new("acme", "b").unwrap()).is_none());
}

#[test]
fn of_a_held_flow_what_runs_goes_on_whatever_it_says() {
    let (old, new) = (flow("hook", "/old"), flow("hook", "/new"));
    let mut compiler = Compiler::default();
    let mut path_of = |text: &str, held: bool, running: &[&Arc<Program>]| {
        let mut next = world(&[("f.yaml", text), ("t.yaml", TENANT)], running);
        next.documents[0].held = held;
        let grouped = compiler.compile(&next);
        assert_eq!(grouped.plan, compile(&next).plan);
        assert!(grouped.diagnostics.is_empty());
        program(&grouped, "hook")
    };
    // Nothing runs yet that could be held.
    let first = path_of(&old, true, &[]);
    assert_eq!(path(&first), "/old");
    for text in [
        new.clone(),
        new.replace("source:", "suspend: true\n  source:"),
    ] {
        assert_eq!(path_of(&text, true, &[&first]), first);
    }
    assert_eq!(path(&path_of(&new, false, &[&first])), "/new");
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
