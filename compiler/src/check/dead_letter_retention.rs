//! Dead letters kept longer than the tenant's policy allows.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(209);

pub(crate) fn issue(asked: &str, allowed: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.delivery.deadLetter.retention"),
        format!("dead letters are kept for {allowed} at the most"),
        format!("{asked} is longer than the tenant's `retention.deadLetters`"),
    )
    .replacement(allowed)
    .help(format!("write {allowed} or less"))
}
