//! A topic of another tenant that does not exist or is not granted: both read the same.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(601);

/// `granted` are the topics that others share with the reader.
pub(crate) fn issue<'a>(
    topic: &str,
    reader: &str,
    severity: Severity,
    granted: impl Iterator<Item = &'a str>,
) -> Issue {
    let text = if severity == Severity::Unverifiable {
        "of a tenant that this repository does not hold".to_owned()
    } else {
        format!("not granted to `{reader}`")
    };
    Issue::new(
        CODE,
        &Path::of("spec.source.topic"),
        format!("the topic `{topic}` does not exist or is not granted to `{reader}`"),
        text,
    )
    .severity(severity)
    .suggest(topic, granted)
}
