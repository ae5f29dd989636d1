//! What a scale becomes: partitions, and pods.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use vrsky_compiler::{Document, Incumbents, World, compile};
use vrsky_plan::program::{Output, Scale, Target};
use vrsky_plan::{EdgeName, Plan, Program};

const WORLD: &str = r"
{apiVersion: vrsky.io/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {namespaces: [acme], tier: Dedicated}}
---
{apiVersion: vrsky.io/v1alpha1, kind: Tenant, metadata: {name: globex}, spec: {namespaces: [globex], tier: Dedicated}}
---
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: orders, namespace: acme}
spec: {contract: {fields: {id: string}}}
---
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: orders, namespace: acme}
spec: {to: {tenant: globex}, topic: orders}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: shop, namespace: acme}
spec:
  source: {connector: webhook, with: {path: /shop}, contract: {fields: {id: string}}}
  sinks: {orders: {topic: orders}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: bill, namespace: acme}
spec:
  source: {topic: orders}
  sinks: {log: {connector: log}}
  scale: BILL
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: fulfil, namespace: globex}
spec:
  source: {topic: acme/orders}
  sinks: {log: {connector: log}}
  scale: FULFIL
";

fn plan(bill: &str, fulfil: &str) -> Plan {
    let compiled = compile(&World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents: vec![Document::new(
            "world.yaml",
            WORLD.replace("BILL", bill).replace("FULFIL", fulfil),
        )],
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    });
    assert_eq!(compiled.diagnostics, []);
    compiled.plan
}

fn program<'a>(plan: &'a Plan, flow: &str) -> &'a Program {
    let programs = plan.tenants.values().flat_map(|tenant| &tenant.programs);
    let mut found = programs.filter(|(id, _)| id.name() == flow);
    found.next().unwrap().1
}

/// What a flow does with what it takes in, in its first stage.
fn first<'a>(plan: &'a Plan, flow: &str, output: &str) -> &'a Output {
    program(plan, flow).stages[&EdgeName::ingress()]
        .outputs
        .get(output)
        .unwrap()
}

#[test]
fn who_publishes_knows_over_how_many_partitions_a_reader_is_spread() {
    let spread = |plan: &Plan| {
        let Target::Topic { partitions, .. } = &first(plan, "shop", "orders").target else {
            panic!("no topic");
        };
        let partitions = partitions.iter();
        partitions
            .map(|(reader, partitions)| (reader.to_string(), *partitions))
            .collect::<BTreeMap<_, _>>()
    };
    let plan = self::plan("{max: 4}", "{max: 3}");
    // Another tenant's reader is none of the owner's business.
    assert_eq!(spread(&plan), [("e.acme_bill.in".to_owned(), 4)].into());
    assert_eq!(program(&plan, "bill").partitions, 4);
    let plan = self::plan("{min: 0}", "{max: 3}");
    assert_eq!(spread(&plan), BTreeMap::new());
    assert_eq!(program(&plan, "bill").partitions, 1);
}

#[test]
fn what_comes_from_another_tenant_is_spread_behind_the_first_stage() {
    let plan = self::plan("{max: 3}", "{max: 3}");
    let own = &first(&plan, "bill", "log").target;
    assert!(matches!(own, Target::Deliver { .. }), "{own:?}");
    let foreign = &first(&plan, "fulfil", "log").target;
    assert!(matches!(foreign, Target::Edge(_)), "{foreign:?}");
    let plan = self::plan("{max: 3}", "{max: 1}");
    let foreign = &first(&plan, "fulfil", "log").target;
    assert!(matches!(foreign, Target::Deliver { .. }), "{foreign:?}");
}

#[test]
fn an_account_has_room_for_the_consumers_and_pods_of_each_partition() {
    let limits = |plan: &Plan| {
        let mut tenants = plan.tenants.iter();
        let acme = tenants.find(|(name, _)| name.as_str() == "acme");
        acme.unwrap().1.limits.clone()
    };
    let one = limits(&plan("{}", "{}"));
    let sixteen = limits(&plan("{max: 16}", "{}"));
    assert_eq!(sixteen.consumers - one.consumers, 15 * 21 * 4 * 2);
    assert_eq!(sixteen.connections - one.connections, 15);
}

#[test]
fn a_number_of_pods_stands_for_itself_and_one_is_not_said() {
    let scale = |written: &str| program(&self::plan(written, "{}"), "bill").scale;
    let between = |min, max, backlog_per_pod, idle_seconds| {
        Some(Scale {
            min,
            max,
            backlog_per_pod,
            idle_seconds,
        })
    };
    assert_eq!(scale("{}"), None);
    assert_eq!(scale("{min: 1, max: 1}"), None);
    assert_eq!(scale("{min: 0}"), between(0, 1, 100, 60));
    assert_eq!(scale("{min: 0, max: 4}"), between(0, 4, 100, 60));
    let written = "{max: 4, backlogPerPod: 7, idleAfter: 2m}";
    assert_eq!(scale(written), between(1, 4, 7, 120));
    assert_eq!(scale("{max: 4, replicas: 2}"), between(2, 2, 100, 60));
}
