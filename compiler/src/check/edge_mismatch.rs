//! Messages that do not fit a topic's contract.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(403);

/// What arrives at a topic sink is refuted; `topic` is the Topic object.
pub(crate) fn issue(
    sink: &str,
    topic: &str,
    object: usize,
    field: &str,
    reason: &str,
    example: &str,
) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.sinks").key(sink).key("topic"),
        format!("what arrives here does not fit the contract of `{topic}`: `{field}`: {reason}"),
        format!("such as {example}"),
    )
    .related(object, "spec.contract", "the contract")
    .help("change the steps before this sink until the contract holds")
}
