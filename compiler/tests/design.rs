//! The example of the design: two tenants, a webhook, a topic, a grant.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use vrsky_compiler::{Compiled, Document, Incumbents, World, compile};
use vrsky_plan::program::{Condition, Source, Target};
use vrsky_plan::{EdgeName, FlowId, Program, TenantName};

const MANIFESTS: &str = include_str!("design.yaml");

fn world(text: &str) -> World {
    World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![Document::new("design.yaml", text)],
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    }
}

fn program(compiled: &Compiled, tenant: &str, flow: &str) -> Arc<Program> {
    compiled.plan.tenants[&tenant_name(tenant)].programs[&FlowId::new(tenant, flow).unwrap()]
        .clone()
}

fn tenant_name(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

fn subjects(program: &Program, stage: &str, output: &str) -> Vec<String> {
    let Target::Topic { publish, .. } = &program.stages[&EdgeName::new(stage).unwrap()]
        .outputs
        .get(output)
        .unwrap()
        .target
    else {
        panic!("{output} is no topic");
    };
    publish.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_compiles_without_a_word() {
    let compiled = compile(&world(MANIFESTS));
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(
        compiled.recheck_at,
        Some("2027-06-30T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn every_sink_of_several_has_its_edge() {
    let compiled = compile(&world(MANIFESTS));
    let program = program(&compiled, "acme", "shop-orders");
    let edges: Vec<&str> = program.stages.keys().map(EdgeName::as_str).collect();
    assert_eq!(edges, ["error-review", "in", "sink-erp", "sink-rest"]);
    let ingress = &program.stages[&EdgeName::ingress()];
    assert_eq!(&*ingress.steps[1].name, "shape");
    assert_eq!(&*ingress.steps[0].path, "spec.steps[0].filter");
    assert_eq!(
        ingress.outputs.get("rest").unwrap().condition,
        Condition::Otherwise
    );
    assert!(
        matches!(&ingress.outputs.get("erp").unwrap().target, Target::Edge(edge) if edge.as_str() == "e.acme_shop-orders.sink-erp")
    );
    assert_eq!(
        ingress.on_error[0].as_str(),
        "e.acme_shop-orders.error-review"
    );
    assert_eq!(program.dead_letter_seconds, 7 * 86_400);
    let Target::Deliver { retries, .. } = &program.stages[&EdgeName::new("sink-erp").unwrap()]
        .outputs
        .get("erp")
        .unwrap()
        .target
    else {
        panic!("no delivery");
    };
    assert_eq!(
        (retries.attempts, retries.first_ms, retries.max_ms),
        (5, 1_000, 300_000)
    );
}

#[test]
fn a_grant_becomes_an_import_and_a_shared_subject() {
    let compiled = compile(&world(MANIFESTS));
    let owner = program(&compiled, "acme", "shop-orders");
    assert_eq!(
        subjects(&owner, "in", "shared"),
        ["e.acme_audit.in", "x.orders"]
    );
    let reader = &compiled.plan.tenants[&tenant_name("globex")];
    assert_eq!(reader.imports.len(), 1);
    assert_eq!(reader.imports[0].into.as_str(), "e.globex_fulfil.in");
    let program = program(&compiled, "globex", "fulfil");
    assert_eq!(
        program.source,
        Source::Topic {
            topic: "acme/orders".to_owned()
        }
    );
    // Alone, a sink is fused into the first stage.
    assert_eq!(program.stages.len(), 1);
}

#[test]
fn revocation_executes_and_the_reader_holds() {
    let first = compile(&world(MANIFESTS));
    let mut second = world(&MANIFESTS.replace("onward: Forbidden", "revoked: true"));
    second.incumbents = Incumbents::from(&first.plan);
    let compiled = compile(&second);
    let codes: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| found.code.to_string())
        .collect();
    assert_eq!(codes, ["VRS0603"]);
    assert_eq!(
        compiled.diagnostics[0].audience,
        Some(tenant_name("globex"))
    );
    assert!(
        compiled.plan.tenants[&tenant_name("globex")]
            .imports
            .is_empty()
    );
    assert_eq!(
        program(&compiled, "globex", "fulfil"),
        program(&first, "globex", "fulfil")
    );
    assert_eq!(
        subjects(&program(&compiled, "acme", "shop-orders"), "in", "shared"),
        ["e.acme_audit.in"]
    );
    assert_eq!(compiled.recheck_at, None);
}

#[test]
fn a_mistake_withholds_only_its_own_change() {
    let first = compile(&world(MANIFESTS));
    let broken = MANIFESTS.replace("map: '. = {\"sku\"", "mop: '. = {\"sku\"");
    let without = compile(&world(&broken));
    assert!(
        !without.plan.tenants[&tenant_name("globex")]
            .programs
            .contains_key(&FlowId::new("globex", "fulfil").unwrap())
    );
    let mut second = world(&broken);
    second
        .incumbents
        .extend([program(&first, "globex", "fulfil")]);
    let compiled = compile(&second);
    assert!(!compiled.diagnostics.is_empty());
    assert_eq!(compiled.plan.tenants, first.plan.tenants);
}

#[test]
fn suspension_executes_even_where_the_rest_is_broken() {
    let first = compile(&world(MANIFESTS));
    let text = MANIFESTS
        .replace("map: '. = {\"sku\"", "mop: '. = {\"sku\"")
        .replace(
            "  source: {topic: acme/orders}",
            "  suspend: true\n  source: {topic: acme/orders}",
        );
    let mut second = world(&text);
    second
        .incumbents
        .extend([program(&first, "globex", "fulfil")]);
    assert!(program(&compile(&second), "globex", "fulfil").suspended);
}

#[test]
fn a_half_written_file_revokes_nothing() {
    let mut second = world(&MANIFESTS.replace("  to: {tenant: globex}", "  to: {tenant: "));
    second.documents[0].before = Some(MANIFESTS.into());
    let compiled = compile(&second);
    assert_eq!(compiled.diagnostics.len(), 1);
    assert_eq!(
        compiled.plan.tenants[&tenant_name("globex")].imports.len(),
        1
    );
}

#[test]
fn a_file_outside_the_project_folder_is_an_error_at_its_place() {
    let sink = "    db: {connector: file, with: {path: ../../etc/passwd}}\n";
    let (head, tail) = MANIFESTS.split_once("  sinks:\n").unwrap();
    let compiled = compile(&world(&format!("{head}  sinks:\n{sink}{tail}")));
    let found = &compiled.diagnostics[0];
    assert_eq!(
        (found.code.to_string().as_str(), found.primary.path.as_str()),
        ("VRS0303", "spec.sinks.db.with.path")
    );
    assert!(found.headline.contains("leads out of the project folder"));
}

#[test]
fn roles_may_do_the_least_that_works() {
    let compiled = compile(&world(MANIFESTS));
    for (name, tenant) in &compiled.plan.tenants {
        for (role, permissions) in &tenant.roles {
            assert!(!permissions.publish.is_empty() && !permissions.subscribe.is_empty());
            for subject in permissions.publish.iter().chain(&permissions.subscribe) {
                assert!(
                    !matches!(subject.as_str(), ">" | "$JS.API.>" | "_INBOX.>" | "$KV.>"),
                    "{name} {role} {subject}"
                );
                assert!(
                    !subject.starts_with("$KV.programs.")
                        || permissions.subscribe.contains(subject),
                    "{role} writes programs"
                );
                let foreign = compiled
                    .plan
                    .tenants
                    .values()
                    .filter(|other| other.id != tenant.id);
                for other in foreign {
                    assert!(
                        !subject.contains(other.id.as_str()),
                        "{name} {role} {subject}"
                    );
                }
            }
        }
        let shares = tenant
            .roles
            .get("runtime")
            .unwrap()
            .publish
            .iter()
            .any(|subject| subject.starts_with("x."));
        assert_eq!(shares, name.as_str() == "acme");
        assert_eq!(tenant.streams.len(), if shares { 3 } else { 2 });
        let bytes: i64 = tenant.streams.iter().map(|stream| stream.max_bytes).sum();
        assert!(bytes <= tenant.limits.disk_storage);
    }
}
