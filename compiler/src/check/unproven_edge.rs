//! Messages of which it is not proved that they fit a topic's contract.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(405);

/// What arrives at a topic sink may or may not fit; `topic` is the Topic object. Each message is
/// checked, so nothing is withheld.
pub(crate) fn issue(
    sink: &str,
    topic: &str,
    object: usize,
    field: &str,
    reason: &str,
    help: &str,
) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.sinks").key(sink).key("topic"),
        format!(
            "it is not proved that what arrives here fits the contract of `{topic}`: `{field}`: {reason}"
        ),
        "a message that does not fit becomes a dead letter",
    )
    .severity(Severity::Unproven)
    .related(object, "spec.contract", "the contract")
    .help(help)
}
