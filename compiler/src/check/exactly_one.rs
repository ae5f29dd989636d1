//! Fields of which exactly one, or at most one, may be set.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(105);

pub(crate) fn both(path: &Path, left: &str, right: &str) -> Issue {
    Issue::new(
        CODE,
        &path.key(right),
        format!("`{left}` and `{right}` exclude each other"),
        format!("`{left}` is set, too"),
    )
    .at(At::Key)
    .help("leave one of them out")
}

pub(crate) fn neither(path: &Path, left: &str, right: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("neither `{left}` nor `{right}` is set"),
        format!("needs `{left}` or `{right}`"),
    )
    .at(At::Key)
}

/// A topic brings its own.
pub(crate) fn with_topic(path: &Path, field: &str) -> Issue {
    Issue::new(
        CODE,
        &path.key(field),
        format!("`{field}` belongs to a connector, and this is a topic"),
        "not possible with `topic`",
    )
    .at(At::Key)
    .help(format!("leave `{field}` out"))
}
