//! A connector that does not exist.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(201);

pub(crate) fn issue<'a>(path: &Path, name: &str, known: impl Iterator<Item = &'a str>) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("unknown connector `{name}`"),
        "neither in this namespace nor builtin",
    )
    .suggest(name, known)
}

/// Connectors that build on each other for ever.
pub(crate) fn endless(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "the connector builds on itself",
        "leads back here",
    )
}
