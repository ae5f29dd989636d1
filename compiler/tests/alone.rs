//! What is wrong alone is wrong in every World; and what another object could cure is not wrong alone.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
// The tests read fixtures; the compiler does not.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use vrsky_compiler::{
    Diagnostic, Document, Incumbents, Severity, World, alone, beside, codes, compile, hides_builtin,
};

const MANIFESTS: &str = include_str!("design.yaml");

/// Mistakes that another object, or another tenant, could cure; or that are none (`likely_secret`).
const CURABLE: [&str; 23] = [
    "VRS0108", "VRS0201", "VRS0202", "VRS0203", "VRS0204", "VRS0205", "VRS0206", "VRS0207",
    "VRS0208", "VRS0209", "VRS0211", "VRS0213", "VRS0304", "VRS0312", "VRS0403", "VRS0404",
    "VRS0405", "VRS0601", "VRS0602", "VRS0603", "VRS0604", "VRS0605", "VRS0606",
];

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn compiled(documents: &[String]) -> Vec<Diagnostic> {
    let documents = documents.iter().enumerate();
    let documents = documents.map(|(place, text)| Document::new(place.to_string(), text.as_str()));
    compile(&World {
        now: now(),
        documents: documents.collect(),
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    })
    .diagnostics
}

/// What stands after `key: ` first, up to the end of the word.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{key}: "))?;
    rest.split([',', '}', '\n']).next()
}

fn wrong_alone(text: &str) -> Vec<Diagnostic> {
    let namespace = (field(text, "kind") != Some("Tenant")).then(|| field(text, "namespace"));
    alone(text, namespace.flatten())
}

/// What is wrong with a flow of globex beside the tenants, and what else acme says that is out of reach.
fn wrong_beside(text: &str, documents: &[String]) -> Vec<Diagnostic> {
    let others = documents.iter().filter(|other| match field(other, "kind") {
        Some("Tenant") => true,
        Some("Topic" | "Grant") => field(other, "namespace") == Some("acme"),
        _ => false,
    });
    let others = others.enumerate();
    let others = others.map(|(place, text)| Document::new(place.to_string(), text.as_str()));
    beside(text, others, now())
}

#[test]
fn what_another_object_could_cure_is_not_wrong_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut curable = BTreeSet::new();
    for (code, _) in codes::codes() {
        let text = std::fs::read_to_string(folder.join(format!("{code}.yaml"))).unwrap();
        let found = text.split("---\n").flat_map(wrong_alone);
        if !found.into_iter().any(|found| found.code == *code) {
            curable.insert(code.to_string());
        }
        let text = std::fs::read_to_string(folder.join(format!("{code}.fixed.yaml"))).unwrap();
        for text in text.split("---\n") {
            assert_eq!(wrong_alone(text), [], "{code}");
        }
    }
    let expected: BTreeSet<String> = CURABLE.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(curable, expected);
}

#[test]
fn what_does_not_fit_another_tenants_topic_is_wrong_beside_it() {
    let documents: Vec<String> = MANIFESTS.split("---\n").map(str::to_owned).collect();
    let right = documents.last().unwrap();
    assert_eq!(wrong_beside(right, &documents), []);
    let wrong = right.replace(".total", ".totl");
    assert_eq!(wrong_alone(&wrong), []);
    let found = wrong_beside(&wrong, &documents);
    let codes: Vec<String> = found.iter().map(|found| found.code.to_string()).collect();
    assert_eq!(codes, ["VRS0404"]);
}

/// What administrators may write of a tenant, and tenants may add.
fn others() -> impl Strategy<Value = Vec<String>> {
    let tenants = ["acme", "globex"].map(|name| {
        let more = prop_oneof![
            Just(""),
            Just(", tier: Dedicated"),
            Just(", retention: {deadLetters: 1h}"),
            Just(", quotas: {flows: 1, topics: 0}"),
        ];
        (Just(name), more).prop_map(|(name, more)| {
            format!("apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\nspec: {{namespaces: [{name}]{more}}}\n")
        })
    });
    let namespace = || prop_oneof![Just("acme"), Just("globex")];
    let connector = ("(erp|warehouse|shop)", namespace(), "(http|file|erp|webhook)", "(url: \"https://a.example\"|path: /a)")
        .prop_map(|(name, namespace, from, with)| {
            format!("apiVersion: vrsky.io/v1alpha1\nkind: Connector\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{from: {from}, with: {{{with}}}}}\n")
        });
    let topic = ("(orders|stock)", namespace(), "(id|total|sku)").prop_map(|(name, namespace, field)| {
        format!("apiVersion: vrsky.io/v1alpha1\nkind: Topic\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{contract: {{fields: {{{field}: string}}}}}}\n")
    });
    (tenants, vec(prop_oneof![connector, topic], 0..3))
        .prop_map(|(tenants, more)| tenants.into_iter().chain(more).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_wrong_alone_is_wrong_in_every_world(
        edits in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), "[a-zA-Z0-9/.]{0,6}"), 0..4),
        others in others(),
    ) {
        let mut documents: Vec<String> = MANIFESTS.split("---\n").map(str::to_owned).collect();
        for (document, at, insert, token) in edits {
            // A word becomes another, or gets a few letters more.
            let document = document.index(documents.len());
            let document = &mut documents[document];
            let words: Vec<usize> = document.match_indices([' ', '{', '.']).map(|(place, _)| place + 1).collect();
            let start = words[at.index(words.len())];
            let length = document[start..].find([' ', ',', '}', '\n']).unwrap_or(0);
            let end = if insert { start } else { start + length };
            document.replace_range(start..end, &token);
        }
        // The tenants of the manifests, or others of the same name; what is added hides nothing.
        documents.retain(|text| field(text, "kind") != Some("Tenant"));
        let edited = documents.len();
        documents.extend(others);
        let names = documents.iter().filter(|text| text.contains("kind: Connector")).filter_map(|text| field(text, "name"));
        prop_assume!(!names.into_iter().any(hides_builtin));
        let found = compiled(&documents);
        let is_wrong = |place: usize| found.iter().any(|found| found.severity == Severity::Error && found.primary.document == place);
        for (place, text) in documents[..edited].iter().enumerate() {
            let mut wrong = wrong_alone(text);
            if field(text, "namespace") == Some("globex") {
                wrong.extend(wrong_beside(text, &documents));
            }
            prop_assert!(wrong.is_empty() || is_wrong(place), "{text}\n{wrong:?}");
        }
    }
}
