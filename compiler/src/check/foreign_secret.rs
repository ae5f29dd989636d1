//! A secret of another namespace.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(313);

pub(crate) fn issue(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "secrets come from the same namespace",
        "not possible here",
    )
    .at(At::Key)
    .help("leave `namespace` out, and put the Secret beside this object")
}
