//! Names that Kubernetes or NATS would refuse.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(106);

pub(crate) fn issue(path: &Path, at: At, name: &str, most: usize) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("`{name}` is not a valid name"),
        format!("1 to {most} of a-z, 0-9 and `-`, no `-` at the ends"),
    )
    .at(at)
}
