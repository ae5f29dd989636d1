//! A tenant that does not exist.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(203);

/// `known` are the tenants that share something with the author.
pub(crate) fn issue<'a>(
    name: &str,
    severity: Severity,
    known: impl Iterator<Item = &'a str>,
) -> Issue {
    let text = if severity == Severity::Unverifiable {
        "a tenant that this repository does not hold"
    } else {
        "no such tenant"
    };
    Issue::new(
        CODE,
        &Path::of("spec.to.tenant"),
        format!("unknown tenant `{name}`"),
        text,
    )
    .severity(severity)
    .suggest(name, known)
}
