//! What holds whatever is written: order does not matter, tenants see nothing of each other, nothing
//! panics.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use vrsky_compiler::{Compiled, Compiler, Document, Incumbents, World, compile};
use vrsky_plan::TenantName;

const MANIFESTS: &str = include_str!("design.yaml");

fn document(origin: &str, text: impl AsRef<str>) -> Document {
    Document::new(origin, text.as_ref())
}

fn world(documents: Vec<Document>) -> World {
    World {
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        documents,
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    }
}

/// All that a tenant sees, as text: its part of the plan, and its diagnostics.
fn seen_by(tenant: &str, world: &World, compiled: &Compiled) -> String {
    let name = TenantName::new(tenant).unwrap();
    let mut text = serde_json::to_string_pretty(&compiled.plan.tenants.get(&name)).unwrap();
    for found in compiled
        .diagnostics
        .iter()
        .filter(|found| found.audience == Some(name.clone()))
    {
        let mut found = found.clone();
        // The index of a document is the caller's affair; its origin is what people see.
        for label in std::iter::once(&mut found.primary).chain(&mut found.labels) {
            label.origin = world.documents[label.document].origin.to_string();
            label.document = 0;
        }
        if let Some(patch) = found.help.as_mut().and_then(|help| help.patch.as_mut()) {
            patch.document = 0;
        }
        writeln!(text, "{}", serde_json::to_string_pretty(&found).unwrap()).unwrap();
    }
    text
}

const SHARED: &str = "
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {namespaces: [acme]}
---
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: globex}
spec: {namespaces: [globex]}
---
apiVersion: vrsky.io/v1alpha1
kind: Tenant
metadata: {name: initech}
spec: {namespaces: [initech]}
---
apiVersion: vrsky.io/v1alpha1
kind: Topic
metadata: {name: stock, namespace: globex}
spec: {contract: {fields: {sku: string, count: integer}}}
---
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: stock, namespace: globex}
spec: {to: {tenant: acme}, topic: stock}
";

/// What acme writes: some of it right, some wrong in ways that tempt the compiler to tell.
const ACME: &str = "
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
metadata: {name: good, namespace: acme}
spec:
  source: {topic: globex/stock}
  steps: [{map: '. = {\"id\": .sku}'}]
  sinks: {out: {topic: orders}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: curious, namespace: acme}
spec:
  source: {topic: globex/prices}
  sinks: {out: {connector: log}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: typo, namespace: acme}
spec:
  source: {topic: globex/stokc}
  sinks: {out: {connector: warehouse}}
---
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {name: hook, namespace: acme}
spec:
  source: {connector: webhook, with: {path: /orders}, contract: {fields: {id: string}}}
  steps: [{filter: .idd == \"x\"}]
  sinks: {out: {topic: orders}}
---
apiVersion: vrsky.io/v1alpha1
kind: Grant
metadata: {name: wrong, namespace: acme}
spec: {to: {tenant: globx}, topic: ordres}
";

/// One manifest of globex that is not shared with acme.
fn private() -> impl Strategy<Value = String> {
    let name = "(orders|prices|stocks|warehouse|good|hook|[a-z]{1,8})";
    let text = prop_oneof![
        (name, "(string|integer|strin)").prop_map(|(name, field)| format!(
            "kind: Topic\nmetadata: {{name: {name}, namespace: globex}}\nspec: {{contract: {{fields: {{id: {field}}}}}}}\n"
        )),
        (name, name).prop_map(|(name, path)| format!(
            "kind: Flow\nmetadata: {{name: {name}, namespace: globex}}\nspec:\n  source: {{connector: webhook, with: {{path: /{path}}}, contract: {{fields: {{id: string}}}}}}\n  sinks: {{out: {{topic: {path}}}}}\n"
        )),
        (name, name, name).prop_map(|(name, from, to)| format!(
            "kind: Flow\nmetadata: {{name: {name}, namespace: globex}}\nspec:\n  source: {{topic: {from}}}\n  sinks: {{out: {{topic: {to}}}, log: {{connector: {from}}}}}\n"
        )),
        (name).prop_map(|name| format!(
            "kind: Flow\nmetadata: {{name: {name}, namespace: globex}}\nspec:\n  source: {{topic: acme/orders}}\n  steps: [{{filter: .id == \"x\"}}, {{filter: .{name} == 1}}]\n  sinks: {{log: {{connector: log}}}}\n"
        )),
        (name, "(http|log|file|[a-z]{1,5})").prop_map(|(name, from)| format!(
            "kind: Connector\nmetadata: {{name: {name}, namespace: globex}}\nspec: {{from: {from}, with: {{url: \"https://example.com\"}}}}\n"
        )),
        (name, name).prop_map(|(name, topic)| format!(
            "kind: Grant\nmetadata: {{name: g{name}, namespace: globex}}\nspec: {{to: {{tenant: initech}}, topic: {topic}, onward: Allowed}}\n"
        )),
        "[a-z:{}\\[\\]!#&* \n-]{0,40}".prop_map(|text| text),
    ];
    text.prop_map(|text| format!("apiVersion: vrsky.io/v1alpha1\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_one_tenant_keeps_to_itself_changes_nothing_for_another(private in vec(private(), 0..6)) {
        let base = world(vec![document("shared.yaml", SHARED), document("acme.yaml", ACME)]);
        let mut documents = base.documents.clone();
        for (place, text) in private.iter().enumerate() {
            documents.insert(place % 2, document(&format!("globex-{place}.yaml"), text));
        }
        let varied = world(documents);
        let expected = seen_by("acme", &base, &compile(&base));
        prop_assert!(expected.contains("VRS0601") && expected.contains("VRS0402"));
        prop_assert_eq!(expected, seen_by("acme", &varied, &compile(&varied)));
    }

    #[test]
    fn what_is_remembered_changes_nothing(
        steps in vec((0..6_usize, prop_oneof![
            private(),
            Just(String::new()),
            Just(ACME.to_owned()),
            Just(ACME.replace("globex/stock}", "globex/stocks}")),
            Just(SHARED.to_owned()),
            Just(SHARED.replace("count: integer", "count: string")),
            Just(SHARED.replace("topic: stock}", "topic: stock, expires: 2026-01-01T00:00:00Z}")),
            Just(SHARED.replace("topic: stock}", "topic: stock, expires: 2026-11-23T12:00:03Z}")),
            Just(SHARED.replace("namespaces: [initech]", "namespaces: [acme, initech]")),
            Just(SHARED.replace("name: initech}", "name: hooli}")),
            Just(SHARED.replace("namespaces: [acme]", "namespaces: [acme], quotas: {flows: 1}")),
            Just("kind: Flow\nmetadata: {".to_owned()),
        ], any::<bool>(), any::<bool>()), 1..10),
        alone in any::<bool>(),
    ) {
        let mut compiler = Compiler::default();
        let mut texts = [SHARED.to_owned(), ACME.to_owned(), String::new(), String::new(), String::new(), String::new()];
        let mut last: Option<World> = None;
        for (step, (place, text, backwards, lost)) in steps.into_iter().enumerate() {
            texts[place] = text;
            // Objects that have nothing to do with each other are apart only where each has a file.
            let files = texts.iter().enumerate().flat_map(|(place, text)| {
                let parts: Vec<&str> = if alone { text.split("\n---\n").collect() } else { vec![text] };
                parts.into_iter().enumerate().map(move |(part, text)| (format!("{place}-{part}.yaml"), text)).collect::<Vec<_>>()
            });
            let mut documents: Vec<Document> = files.filter(|(_, text)| !text.is_empty())
                .map(|(origin, text)| document(&origin, text)).collect();
            if backwards {
                documents.reverse();
            }
            let mut next = world(documents);
            next.now += std::time::Duration::from_secs(step as u64);
            if let Some(last) = &last {
                for document in &mut next.documents {
                    let before = last.documents.iter().find(|before| before.origin == document.origin);
                    document.before = before.map(|before| before.text.clone());
                }
                // A new server knows of nothing that runs.
                if !lost {
                    next.incumbents = Incumbents::from(&compile(last).plan);
                }
            }
            let (again, anew) = (compiler.compile(&next), compile(&next));
            prop_assert_eq!(&again.plan, &anew.plan);
            prop_assert_eq!(&again.diagnostics, &anew.diagnostics);
            prop_assert_eq!(again.recheck_at, anew.recheck_at);
            // And nothing new is nothing new.
            prop_assert_eq!(&compiler.compile(&next).plan, &anew.plan);
            last = Some(next);
        }
    }

    #[test]
    fn the_order_of_documents_changes_nothing(
        order in Just((0..18_usize).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let texts: Vec<&str> = MANIFESTS.split("---\n").chain(SHARED.split("---\n")).chain(ACME.split("---\n")).collect();
        let documents: Vec<Document> =
            texts.iter().enumerate().map(|(place, text)| document(&format!("{place:02}.yaml"), text)).collect();
        let count = documents.len();
        let shuffled: Vec<Document> = order.iter().filter(|at| **at < count).map(|at| documents[*at].clone())
            .chain(documents.iter().skip(18).cloned()).collect();
        let (first, second) = (world(documents), world(shuffled));
        let (one, two) = (compile(&first), compile(&second));
        prop_assert_eq!(&one.plan, &two.plan);
        prop_assert_eq!(one.recheck_at, two.recheck_at);
        for tenant in ["acme", "globex", "initech"] {
            prop_assert_eq!(seen_by(tenant, &first, &one), seen_by(tenant, &second, &two));
        }
        prop_assert_eq!(one.diagnostics.len(), two.diagnostics.len());
    }

    #[test]
    fn no_text_makes_the_compiler_stumble(
        edits in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..7_u8, "[a-zA-Z0-9 :{}\\[\\],.'\"!#&*|>%@\\-\u{e9}\t\r\n]{0,12}"), 1..6)
    ) {
        let mut text = MANIFESTS.to_owned();
        for (at, to, how, token) in edits {
            let boundaries: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            if boundaries.is_empty() {
                break;
            }
            let start = boundaries[at.index(boundaries.len())];
            let line = text[start..].find('\n').map_or(text.len(), |end| start + end);
            let word = text[start..].find([' ', ',', '}', ']', '\n']).map_or(text.len(), |end| start + end);
            let copy = text[start..line].to_owned();
            match how {
                0 => text.replace_range(start..line, ""),
                1 => text.replace_range(start..word, &token),
                2 => text.insert_str(start, &token),
                3 => text.insert_str(boundaries[to.index(boundaries.len())], &copy),
                4 => text.replace_range(start..word, ""),
                5 => text = text.replace('\n', "\r\n"),
                _ => text.truncate(start),
            }
        }
        let world = world(vec![document("a.yaml", &text)]);
        let compiled = compile(&world);
        for found in &compiled.diagnostics {
            for label in std::iter::once(&found.primary).chain(&found.labels) {
                prop_assert!(text.get(label.span.clone()).is_some(), "{:?} in {:?}", label, text);
            }
            prop_assert!(!found.headline.is_empty() && !found.headline.contains('\n'), "{:?}", found);
        }
    }
}
