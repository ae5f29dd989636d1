//! Two webhooks on one path.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(206);

pub(crate) fn issue(path: &str, flow: &str, other: usize) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.source.with.path"),
        format!("the flow `{flow}` takes in webhooks on `{path}`"),
        "the path is taken",
    )
    .related(other, "spec.source", "taken here")
}
