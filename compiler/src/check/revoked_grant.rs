//! A grant that was revoked.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(603);

pub(crate) fn issue(topic: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.source.topic"),
        format!("the grant of `{topic}` was revoked"),
        "no longer granted",
    )
    .help("ask the owner for a new one, or remove the flow")
}
