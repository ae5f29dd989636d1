//! Flows that feed themselves over topics.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(207);

/// `sink` of a flow publishes `topic`, which comes back to the flow's source `source`.
pub(crate) fn issue(sink: &str, topic: &str, source: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.sinks").key(sink).key("topic"),
        format!("messages go round in a circle: what is published to `{topic}` comes back through `{source}`"),
        "closes the circle",
    )
    .help("publish to a topic that no flow before this one reads")
}
