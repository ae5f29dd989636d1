//! A kind or version of this API group that does not exist.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(101);

pub(crate) fn kind(written: &str, known: &[&str]) -> Issue {
    Issue::new(
        CODE,
        &Path::of("kind"),
        format!("unknown kind `{written}`"),
        "no kind of vrsky.io",
    )
    .suggest(written, known.iter().copied())
}

pub(crate) fn version(written: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("apiVersion"),
        format!("unknown version `{written}`"),
        "no version of vrsky.io",
    )
    .help(format!("write `{}`", vrsky_crds::API_VERSION))
    .replacement(vrsky_crds::API_VERSION)
}

/// `kind` is one of ours, and `apiVersion` is missing.
pub(crate) fn no_version(kind: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("kind"),
        format!("a {kind} without `apiVersion`"),
        "of which API?",
    )
    .help(format!(
        "write `apiVersion: {}` above it",
        vrsky_crds::API_VERSION
    ))
}
