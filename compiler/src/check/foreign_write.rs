//! A flow that would publish into another tenant's topic.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(604);

pub(crate) fn issue(path: &Path) -> Issue {
    Issue::new(
        CODE,
        path,
        "a flow publishes to topics of its own tenant only",
        "a topic of another tenant",
    )
    .help("publish to a topic of your own, and grant it to them: they read it")
}
