//! More than the tenant may use.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(208);

pub(crate) fn issue(what: &str, most: u32) -> Issue {
    Issue::new(
        CODE,
        &Path::of("metadata.name"),
        format!("the tenant's quota of {what} is {most}"),
        "one too many",
    )
    .help("remove another one, or ask for a larger quota")
}

/// Too little storage for one payload.
pub(crate) fn storage(least: u64) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.quotas.storage"),
        format!("less than the {least} bytes that the streams of a tenant need"),
        "too small for its own payloads",
    )
}
