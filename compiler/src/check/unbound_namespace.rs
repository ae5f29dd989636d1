//! A namespace that no tenant has.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(204);

pub(crate) fn issue(namespace: &str) -> Issue {
    if namespace.is_empty() {
        return Issue::new(
            CODE,
            &Path::of("metadata"),
            "the namespace is missing",
            "needs `namespace`",
        );
    }
    Issue::new(
        CODE,
        &Path::of("metadata.namespace"),
        format!("the namespace `{namespace}` belongs to no tenant"),
        "no Tenant lists it in `spec.namespaces`",
    )
}
