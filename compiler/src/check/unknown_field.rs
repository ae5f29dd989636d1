//! A field that does not exist.

use super::{At, Issue, unknown_parameter};
use crate::Code;
use crate::path::Path;
use crate::shape::Dialect;

pub(crate) const CODE: Code = Code(102);

pub(crate) fn issue<'a>(
    dialect: Dialect,
    path: &Path,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Issue {
    let (code, what) = if dialect == Dialect::Kind {
        (CODE, "field")
    } else {
        (unknown_parameter::CODE, "parameter")
    };
    Issue::new(
        code,
        path,
        format!("unknown {what} `{name}`"),
        "does not exist here",
    )
    .at(At::Key)
    .suggest(name, known)
}
