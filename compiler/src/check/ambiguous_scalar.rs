//! Plain scalars that readers of YAML read differently.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;
use crate::yaml::quoted;

pub(crate) const CODE: Code = Code(4);

/// A scalar that other readers take for something else.
pub(crate) fn hardened(path: &Path, at: At, text: &str, becomes: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("`{text}` is read as {becomes} by kubectl and kustomize"),
        "ambiguous without quotes",
    )
    .at(at)
    .help("put it into quotes")
    .replacement(quoted(text))
}

/// A scalar that is no text, where text is wanted.
pub(crate) fn not_text(path: &Path, text: &str, is: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("`{text}` without quotes is {is}, and text is wanted here"),
        "ambiguous without quotes",
    )
    .help("put it into quotes")
    .replacement(quoted(text))
}
