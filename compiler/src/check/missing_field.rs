//! A field that must be set.

use super::{At, Issue, missing_parameter};
use crate::Code;
use crate::path::Path;
use crate::shape::Dialect;

pub(crate) const CODE: Code = Code(104);

pub(crate) fn issue(dialect: Dialect, path: &Path, name: &str) -> Issue {
    let (code, what) = if dialect == Dialect::Kind {
        (CODE, "field")
    } else {
        (missing_parameter::CODE, "parameter")
    };
    Issue::new(
        code,
        path,
        format!("the {what} `{name}` is missing"),
        format!("needs `{name}`"),
    )
    .at(At::Key)
}
