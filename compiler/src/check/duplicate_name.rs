//! Two objects of one identity.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(108);

/// `other` is the object that has the name already.
pub(crate) fn issue(kind: &str, name: &str, other: usize) -> Issue {
    Issue::new(
        CODE,
        &Path::of("metadata.name"),
        format!("there is another {kind} `{name}`"),
        "the name is taken",
    )
    .related(other, "metadata.name", "taken here")
}
