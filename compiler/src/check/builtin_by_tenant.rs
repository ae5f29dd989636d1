//! Only the platform's own manifests name an implementation.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(109);

pub(crate) fn issue(field: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec").key(field),
        format!("`{field}` is for the platform's own connectors"),
        "not possible in a tenant's connector",
    )
    .at(At::Key)
    .help("build on another connector with `from`, and set some of its parameters with `with`")
}
