//! A namespace that two tenants claim.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(205);

pub(crate) fn issue(place: usize, namespace: &str, other: &str, other_object: usize) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.namespaces").index(place),
        format!("the namespace `{namespace}` belongs to the tenant `{other}`"),
        "a namespace belongs to one tenant",
    )
    .related(other_object, "spec.namespaces", "bound here")
}
