//! The chart's CRDs are the ones that the types generate. `UPDATE=1 cargo test -p vrsky-crds` rewrites.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::{env, fs};

fn templates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts/vrsky-crds/templates")
}

#[test]
fn the_charts_definitions_are_generated_from_the_types() {
    for definition in vrsky_crds::definitions() {
        let mut value = serde_json::to_value(&definition).unwrap();
        // Helm must not remove what tenants wrote when the chart goes.
        value["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep".into();
        let yaml = format!(
            "# Generated from crds/src; `UPDATE=1 cargo test -p vrsky-crds` rewrites it.\n{}",
            serde_saphyr::to_string(&value).unwrap()
        );
        let path = templates().join(format!("{}.yaml", definition.spec.names.plural));
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &yaml).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            stored,
            yaml,
            "{} is stale: run UPDATE=1 cargo test -p vrsky-crds",
            path.display()
        );
    }
}

#[test]
fn every_definition_is_small_enough_and_explains_every_field() {
    for definition in vrsky_crds::definitions() {
        let json = serde_json::to_value(&definition).unwrap();
        assert!(json.to_string().len() < 256 * 1024);
        let version = &json["spec"]["versions"][0];
        let properties = &version["schema"]["openAPIV3Schema"]["properties"];
        let mut undocumented = Vec::new();
        collect_undocumented(&properties["spec"], "spec", &mut undocumented);
        collect_undocumented(&properties["status"], "status", &mut undocumented);
        assert!(
            undocumented.is_empty(),
            "fields without a doc comment: {undocumented:?}"
        );
        assert_eq!(json["spec"]["names"]["categories"][0], "vrsky");
        assert!(version["subresources"]["status"].is_object());
        assert!(
            version["additionalPrinterColumns"]
                .as_array()
                .unwrap()
                .len()
                >= 2
        );
    }
}

#[test]
fn the_first_question_is_answered_by_the_columns() {
    for definition in vrsky_crds::definitions() {
        let columns = definition.spec.versions[0]
            .additional_printer_columns
            .clone()
            .unwrap_or_default();
        let find = |name: &str| columns.iter().find(|column| column.name == name).unwrap();
        assert_eq!(find("Ready").priority, None);
        assert_eq!(find("Reason").priority, None);
        assert_eq!(find("Message").priority, Some(1));
        assert_eq!(columns.last().unwrap().name, "Age");
    }
}

#[test]
fn what_nobody_has_seen_says_so() {
    for definition in vrsky_crds::definitions() {
        let json = serde_json::to_value(&definition).unwrap();
        let schema = &json["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let status = &schema["properties"]["status"];
        // The field's own default stands only where there is a status.
        assert_eq!(status["default"]["observedGeneration"], -1);
        assert_eq!(status["properties"]["observedGeneration"]["default"], -1);
    }
}

fn collect_undocumented(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    if schema["description"].as_str().is_none_or(str::is_empty) {
        found.push(path.to_owned());
    }
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            collect_undocumented(property, &format!("{path}.{name}"), found);
        }
    }
    if schema["items"]["properties"].is_object() {
        collect_undocumented(&schema["items"], &format!("{path}[]"), found);
    }
}
