//! Contracts that are none.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(401);

pub(crate) fn issue(path: &Path, message: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("not a contract: {message}"),
        "not possible in a contract",
    )
}
