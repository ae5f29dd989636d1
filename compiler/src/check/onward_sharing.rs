//! Data of others shared on, against the grant's word.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(605);

/// `grant` is the own Grant that shares `topic` on.
pub(crate) fn issue(sink: &str, topic: &str, from: &str, grant: usize) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.sinks").key(sink).key("topic"),
        format!("data of `{from}` must not be shared on, and `{topic}` is shared"),
        "publishes it into a shared topic",
    )
    .related(grant, "spec.topic", "shared on here")
    .help(format!("publish to a topic that is not shared, or ask the owner of `{from}` for a grant with `onward: Allowed`"))
}
