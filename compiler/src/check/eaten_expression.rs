//! Expressions of which YAML takes a part for itself.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(5);

/// Fields that hold expressions.
pub(crate) fn is_expression(path: &Path) -> bool {
    matches!(path.last_key(), Some("filter" | "map" | "when" | "expr"))
}

/// A leading `!` made the expression's start a tag.
pub(crate) fn tag(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "YAML takes the leading `!` of this expression for a tag",
        "read as a tag, not as part of the expression",
    )
    .help("put the expression into single quotes, or after `|` on a line of its own")
}

/// ` #` cut the expression short.
pub(crate) fn comment(path: &Path, end: usize) -> Issue {
    Issue::new(
        CODE,
        path,
        "YAML takes the rest of this expression for a comment",
        "the expression ends here, before ` #`",
    )
    .at(At::Inside(end..end))
    .help("put the expression into single quotes, or after `|` on a line of its own")
}

/// A leading `[` or `{` made the expression a list or an object.
pub(crate) fn collection(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "YAML takes this expression for a list or an object",
        "read as YAML, not as an expression",
    )
    .help("put the expression into single quotes, or after `|` on a line of its own")
}
