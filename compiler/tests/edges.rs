//! Edges to topics: proved, refuted, or not proved and told.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use vrsky_compiler::{Compiled, Document, Incumbents, Severity, World, compile};
use vrsky_plan::TenantName;

/// A topic that asks much of its messages, and a flow with these steps before it.
fn compiled(steps: &str) -> Compiled {
    let text = format!(
        "apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {{name: acme}}
spec: {{namespaces: [acme]}}
---
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {{name: orders, namespace: acme}}
spec:
  contract:
    schema:
      type: object
      required: [type, placed, status, lines]
      properties:
        type: {{const: order}}
        placed: {{type: string, format: date-time}}
        status: {{enum: [paid, open]}}
        lines: {{type: array, items: {{type: object, required: [count], properties: {{count: {{type: integer, minimum: 0}}}}}}}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: orders, namespace: acme}}
spec:
  source:
    connector: webhook
    with: {{path: /orders}}
    contract:
      schema:
        type: object
        required: [placed, status, other, lines]
        properties:
          placed: {{type: string, format: date-time}}
          status: {{enum: [paid]}}
          other: {{type: string}}
          lines: {{type: array, items: {{type: object, required: [count], properties: {{count: {{type: integer, minimum: 1}}}}}}}}
  steps:
{steps}
  sinks:
    out: {{topic: orders}}
"
    );
    compile(&World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![Document::new("flow.yaml", text)],
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    })
}

/// What is said of the edge; nothing if it is proved. The flow is there either way.
fn verdict(steps: &str) -> String {
    let compiled = compiled(steps);
    let programs = &compiled.plan.tenants[&TenantName::new("acme").unwrap()].programs;
    assert_eq!(programs.len(), 1, "{:#?}", compiled.diagnostics);
    let Some(found) = compiled.diagnostics.first() else {
        return String::new();
    };
    assert_eq!(compiled.diagnostics.len(), 1, "{:#?}", compiled.diagnostics);
    assert_eq!(found.severity, Severity::Unproven);
    assert_eq!(found.code.to_string(), "VRS0405");
    assert_eq!(found.primary.path, "spec.sinks.out.topic");
    let (_, said) = found.headline.split_once("`orders`: ").unwrap();
    said.to_owned()
}

#[test]
fn constants_and_fields_that_go_on_unchanged_are_proved() {
    for steps in [
        "    - map: '.type = \"order\"'",
        "    - map: '. = {\"type\": \"order\", \"placed\": .placed, \"status\": .status, \"lines\": .lines}'",
        "    - map: '. |= {\"type\": \"order\", \"more\": upcase(.other)}'",
        "    - map: '.old = {\"at\": .placed}'
    - filter: .status == \"paid\" && .other != \"\"
    - map: '. = {\"type\": \"order\", \"placed\": .old.at, \"status\": \"open\", \"lines\": (.lines)}'",
        "    - map: |
        if .other == \"x\" { .type = \"order\" } else { .other = \"y\"; .type = \"order\" }",
    ] {
        assert_eq!(verdict(steps), "", "{steps}");
    }
}

#[test]
fn what_a_step_changes_is_not_proved_and_says_which_field_and_why() {
    let format = "`.placed`: `format` is checked on each message";
    let listed = "`.status`: `enum` is checked on each message";
    for (steps, said) in [
        (
            "    - map: '.type = .other'",
            "`.type`: `const` is checked on each message",
        ),
        ("    - map: '.type = \"order\"; .placed = .other'", format),
        (
            "    - map: '.type = \"order\"; .placed = upcase(.placed)'",
            format,
        ),
        (
            "    - map: '.type = \"order\"; if .other == \"x\" { .placed = .other }'",
            format,
        ),
        (
            "    - map: '.type = \"order\"; . |= {\"placed\": .other}'",
            format,
        ),
        ("    - map: '.type = \"order\"; .status = \"lost\"'", listed),
        (
            "    - map: '.type = \"order\"; .status, err = slice(.other, 1); if err != null { .status = \"paid\" }'",
            listed,
        ),
        (
            "    - map: '.type = \"order\"; .lines[0].count = -1 * length(.other)'",
            "`.lines[0].count`: `minimum` is checked on each message",
        ),
    ] {
        assert_eq!(verdict(steps), said, "{steps}");
    }
}

#[test]
fn a_finding_of_an_unproven_edge_says_what_to_write() {
    let compiled = compiled("    - map: '.type = \"order\"; .placed = .other'");
    let found = &compiled.diagnostics[0];
    assert_eq!(
        found.help.as_ref().unwrap().text,
        "say the same of it in the contract that it comes with, and pass it on unchanged: `format: \"date-time\"`"
    );
    assert_eq!(found.labels[0].path, "spec.contract");
}
