//! Contracts as they are written become contracts that can be compiled against.

use std::sync::Arc;

use serde_json::Value as Json;
use vrsky_crds::values;
use vrsky_plan::program::JsonText;
use vrsky_types::SchemaError;

use crate::check::{Issue, invalid_contract};
use crate::path::{Path, Segment};

/// What payloads are compiled against.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) compiled: vrsky_types::Contract,
    /// As plans carry it: one text for all programs.
    pub(crate) schema: JsonText,
}

impl Contract {
    pub(crate) fn new(schema: impl Into<Arc<Json>>) -> Result<Self, SchemaError> {
        let schema = schema.into();
        Ok(Self {
            compiled: vrsky_types::Contract::new(Arc::clone(&schema))?,
            schema: JsonText::from(&*schema),
        })
    }
}

/// Compiles a contract that stands at `path`.
pub(crate) fn compile(contract: &values::Contract, path: &Path) -> Result<Contract, Vec<Issue>> {
    if let Some(fields) = &contract.fields {
        let below = path.key("fields");
        let schema = vrsky_types::Contract::schema_of_fields(fields).map_err(|errors| {
            errors
                .iter()
                .map(|error| invalid_contract::issue(&below.key(&error.field), &error.message))
                .collect::<Vec<_>>()
        })?;
        return Contract::new(schema)
            .map_err(|error| vec![invalid_contract::issue(&below, &error.message)]);
    }
    let Some(schema) = &contract.schema else {
        return Err(Vec::new());
    };
    let below = path.key("schema");
    Contract::new(Arc::clone(&schema.0)).map_err(|error| {
        vec![invalid_contract::issue(
            &pointer(&below, &error.pointer),
            &error.message,
        )]
    })
}

/// The field path of a JSON pointer below `path`.
fn pointer(path: &Path, pointer: &str) -> Path {
    let mut path = path.clone();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let list = matches!(path.segments().last(), Some(Segment::Key(key)) if matches!(key.as_str(), "allOf" | "anyOf" | "oneOf" | "enum" | "required" | "prefixItems"));
        path = match part.parse::<usize>() {
            Ok(index) if list => path.index(index),
            _ => path.key(&part),
        };
    }
    path
}
