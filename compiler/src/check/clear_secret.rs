//! A secret in clear text.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(311);

pub(crate) fn issue(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "a secret must not stand in a manifest",
        "only `{secretRef: {name, key}}` is possible here",
    )
    .help("put the value into a Secret of this namespace, and refer to it")
}
