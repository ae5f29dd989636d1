//! Values that several kinds share.

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time: a whole number and a unit, `ms`, `s`, `m`, `h` or `d`, such as `30s` or `7d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Duration(#[schemars(regex(pattern = r"^[0-9]{1,9}(ms|s|m|h|d)$"))] pub String);

/// A number of bytes in Kubernetes' notation: a whole number, alone or with `k`, `Ki`, `M`, `Mi`,
/// `G`, `Gi`, such as `512Ki`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bytes(#[schemars(regex(pattern = r"^[0-9]{1,12}(k|Ki|M|Mi|G|Gi)?$"))] pub String);

/// Cores in Kubernetes' notation: a whole number of them, or of thousandths with `m`, such as `2` or
/// `500m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Cpu(#[schemars(regex(pattern = r"^[0-9]{1,9}m?$"))] pub String);

/// Parameters of a connector. Their shape is the connector's own JSON Schema, so here they are free.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub LiteMap<String, serde_json::Value>);

impl JsonSchema for Parameters {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Parameters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

/// A JSON Schema (draft 2020-12). Shared, since plans carry it as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonSchemaDocument(pub Arc<serde_json::Value>);

impl JsonSchema for JsonSchemaDocument {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonSchemaDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

/// What a payload looks like. Exactly one of `fields` and `schema`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.fields) != has(self.schema)", "message": "exactly one of fields and schema"}
]))]
pub struct Contract {
    /// The shorthand: field name to type. A type is `string`, `integer`, `number`, `boolean`,
    /// `timestamp`, `object`, `any`, `[]type`, each alone or after `optional ` (absent or null).
    /// The object is closed: other fields violate the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("maxProperties" = 256))]
    pub fields: Option<LiteMap<String, String>>,
    /// A JSON Schema (draft 2020-12), without remote references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<JsonSchemaDocument>,
}
