//! A topic of the own tenant that does not exist.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(202);

pub(crate) fn issue<'a>(path: &Path, name: &str, known: impl Iterator<Item = &'a str>) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("unknown topic `{name}`"),
        "no topic of this tenant",
    )
    .suggest(name, known)
}
