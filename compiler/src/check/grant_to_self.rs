//! A grant to its own tenant.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(606);

pub(crate) fn issue(tenant: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.to.tenant"),
        format!("`{tenant}` is the owner itself"),
        "needs no grant",
    )
    .help("a tenant's flows read its own topics by their bare names; remove the grant")
}
