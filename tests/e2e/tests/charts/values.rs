//! The values, as a page and as a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use vrsky_e2e::chart;

use crate::compare;

/// A value in one line, as YAML has it. The order of fields does not depend on how they were read.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{name}: {}", flow(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        value => value.to_string(),
    }
}

/// Rows of the table of values: name, default, description. Every value has a description, and every
/// description a value.
fn rows(path: &str, schema: &Value, value: &Value, table: &mut String) {
    let description = schema["description"].as_str().unwrap_or_default();
    assert!(!description.is_empty(), "{path} has no description");
    let free = schema["additionalProperties"] != json!(false);
    if schema["type"] != "object" || free || schema["properties"]["requests"].is_object() {
        let shown = match flow(value) {
            text if ["", "{}", "[]"].contains(&text.as_str()) => String::new(),
            text => format!("`{text}`"),
        };
        let description = description.replace('|', "\\|");
        let _ = writeln!(table, "| `{path}` | {shown} | {description} |");
        return;
    }
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let mut described = names(&schema["properties"]);
    described.remove("global");
    if path.ends_with(".affinity") {
        let _ = writeln!(table, "| `{path}` |  | {description} |");
        return;
    }
    assert_eq!(
        described,
        names(value),
        "the values and their schema at {path:?}"
    );
    for name in described {
        let path = [path, &name].into_iter().filter(|it| !it.is_empty());
        let path = path.collect::<Vec<_>>().join(".");
        rows(&path, &schema["properties"][&name], &value[&name], table);
    }
}

#[test]
fn the_page_of_values_is_the_charts() {
    let read = |file: &str| fs::read_to_string(chart::folder("vrsky").join(file)).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let mut table = "# Values of the chart\n\nGenerated from `charts/vrsky`; `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites it. [install.md](install.md) says which ones most clusters need.\n\n| value | default | |\n|---|---|---|\n".to_owned();
    rows("", &schema, &values, &mut table);
    compare("docs/values.md", &table);
}

#[test]
fn the_schema_closes_every_object_that_the_chart_reads_field_by_field() {
    fn look(path: &str, schema: &Value, open: &mut BTreeSet<String>) {
        if schema["type"] == "object" && schema["additionalProperties"] != json!(false) {
            open.insert(path.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            look(&format!("{path}.{name}"), property, open);
        }
        if schema["items"].is_object() {
            look(&format!("{path}[]"), &schema["items"], open);
        }
    }
    let text = fs::read_to_string(chart::folder("vrsky").join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut open = BTreeSet::new();
    look("", &schema, &mut open);
    // Labels and annotations have names of their own; the rest goes into pods as it is, and the API
    // server checks it.
    let allowed = [
        "nodeSelector",
        "annotations",
        "podAnnotations",
        "podLabels",
        "labels",
        "valueFrom",
        "nodeAffinity",
        "podAffinity",
        "podAntiAffinity",
        "topologySpreadConstraints[]",
        "global",
    ];
    open.retain(|path| !allowed.iter().any(|end| path.ends_with(end)));
    assert_eq!(open, BTreeSet::new());
}
