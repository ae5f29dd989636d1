//! The platform's own connectors: manifests like any other, embedded.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value as Json;
use vrsky_crds::ConnectorSpec;

use crate::yaml;

/// One builtin connector.
#[derive(Debug)]
pub(crate) struct Builtin {
    /// The schema of its parameters as a source.
    pub(crate) source: Option<Arc<Json>>,
    /// The schema of its parameters as a sink.
    pub(crate) sink: Option<Arc<Json>>,
}

const MANIFESTS: [&str; 6] = [
    include_str!("../connectors/file.yaml"),
    include_str!("../connectors/generate.yaml"),
    include_str!("../connectors/http.yaml"),
    include_str!("../connectors/log.yaml"),
    include_str!("../connectors/schedule.yaml"),
    include_str!("../connectors/webhook.yaml"),
];

/// All builtin connectors by name.
pub(crate) static BUILTINS: LazyLock<BTreeMap<String, Builtin>> = LazyLock::new(|| {
    MANIFESTS
        .iter()
        .filter_map(|manifest| load(manifest))
        .collect()
});

/// Whether a connector of this name takes the place of a builtin one.
pub(crate) fn hides_builtin(name: &str) -> bool {
    BUILTINS.contains_key(name)
}

fn load(manifest: &str) -> Option<(String, Builtin)> {
    let document = yaml::read(manifest).documents.into_iter().next()?;
    let (json, _) = yaml::to_json(&document.root);
    let spec: ConnectorSpec = serde_json::from_value(json.get("spec")?.clone()).ok()?;
    let builtin = Builtin {
        source: spec.source.map(|side| side.parameters.0),
        sink: spec.sink.map(|side| side.parameters.0),
    };
    Some((spec.builtin?, builtin))
}

#[cfg(test)]
mod tests {
    use super::{BUILTINS, MANIFESTS};
    use crate::shape::formats::Format;

    #[test]
    fn every_manifest_is_a_connector() {
        assert_eq!(BUILTINS.len(), MANIFESTS.len());
        for (name, builtin) in BUILTINS.iter() {
            assert!(builtin.source.is_some() || builtin.sink.is_some(), "{name}");
        }
    }

    #[test]
    fn every_format_is_understood() {
        for manifest in MANIFESTS {
            for line in manifest.lines() {
                if let Some((_, rest)) = line.split_once("format: ") {
                    let name = rest
                        .trim_end_matches(['}', ' '])
                        .split(',')
                        .next()
                        .unwrap_or_default();
                    assert!(Format::of(name).is_some(), "{name}");
                }
            }
        }
    }
}
