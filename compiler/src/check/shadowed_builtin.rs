//! A connector with the name of a builtin.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(211);

pub(crate) fn issue(name: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("metadata.name"),
        format!("`{name}` hides the builtin connector of that name"),
        "flows of this namespace that say so get this one",
    )
    .severity(Severity::Warning)
    .help("choose another name")
}
