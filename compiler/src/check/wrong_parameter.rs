//! A parameter whose value the connector cannot use. Found by the walk over the connector's schema.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(303);

/// An expression whose value cannot stand where it is used.
pub(crate) fn not_text(path: &Path, found: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("the value of this expression must be text or a number, and is {found}"),
        "cannot stand here",
    )
}
