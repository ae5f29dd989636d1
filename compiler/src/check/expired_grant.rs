//! A grant that has expired.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(602);

/// At the reader.
pub(crate) fn issue(topic: &str, expires: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.source.topic"),
        format!("the grant of `{topic}` expired at {expires}"),
        "no longer granted",
    )
    .help("ask the owner for a new one")
}

/// At the owner.
pub(crate) fn at_owner(expires: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.expires"),
        format!("the grant expired at {expires}"),
        "in the past",
    )
    .severity(Severity::Warning)
    .help("remove the grant, or give it a later end")
}
