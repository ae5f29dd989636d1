//! A parameter that the connector does not have. Found by the walk over the connector's schema.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(301);

/// `with` or `decode` beside a connector that takes none.
pub(crate) fn decode(path: &Path, builtin: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("`{builtin}` takes JSON documents only"),
        "not possible with this connector",
    )
    .at(At::Value)
}
