//! The kinds and their schemas.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

/// A kind of this API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Tenant,
    Topic,
    Connector,
    Grant,
    Flow,
}

/// The names of all kinds.
pub(crate) const NAMES: [&str; 5] = ["Connector", "Flow", "Grant", "Tenant", "Topic"];

/// The schemas of the kinds' `spec`, as the API server has them.
static SCHEMAS: LazyLock<BTreeMap<Kind, Json>> = LazyLock::new(|| {
    let mut schemas = BTreeMap::new();
    for definition in vrsky_crds::definitions() {
        let json = serde_json::to_value(&definition).unwrap_or_default();
        let schema = &json["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut spec = schema["properties"]["spec"].clone();
        // Rules over the whole object that speak of `spec` belong to it.
        if let (Some(rules), Some(fields)) =
            (schema.get("x-kubernetes-validations"), spec.as_object_mut())
        {
            fields.insert("x-kubernetes-validations".to_owned(), rules.clone());
        }
        if let Some(kind) = json["spec"]["names"]["kind"].as_str().and_then(Kind::of) {
            schemas.insert(kind, spec);
        }
    }
    schemas
});

impl Kind {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "Tenant" => Self::Tenant,
            "Topic" => Self::Topic,
            "Connector" => Self::Connector,
            "Grant" => Self::Grant,
            "Flow" => Self::Flow,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Topic => "Topic",
            Self::Connector => "Connector",
            Self::Grant => "Grant",
            Self::Flow => "Flow",
        }
    }

    /// The schema of its `spec`.
    pub(crate) fn schema(self) -> &'static Json {
        static NOTHING: Json = Json::Null;
        SCHEMAS.get(&self).unwrap_or(&NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, NAMES};
    use crate::shape::formats::Format;
    use serde_json::Value as Json;

    fn texts<'a>(schema: &'a Json, name: &str, found: &mut Vec<&'a str>) {
        match schema {
            Json::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Json::String(text) if key == name => found.push(text),
                        _ => texts(value, name, found),
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|item| texts(item, name, found)),
            _ => {}
        }
    }

    #[test]
    fn every_form_of_text_in_the_kinds_is_understood() {
        for kind in NAMES.into_iter().filter_map(Kind::of) {
            let mut found = Vec::new();
            texts(kind.schema(), "pattern", &mut found);
            texts(kind.schema(), "format", &mut found);
            for form in found.into_iter().filter(|form| !form.starts_with("uint")) {
                assert!(
                    Format::of(form).is_some(),
                    "{} asks for {form}",
                    kind.name()
                );
            }
            assert!(kind.schema().get("properties").is_some(), "{}", kind.name());
        }
    }
}
