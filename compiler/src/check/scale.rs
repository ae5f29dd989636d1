//! A `scale` that the flow cannot have.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(213);

/// The pods are not the flow's own.
pub(crate) fn shared() -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.scale"),
        "the tenant's flows share a runtime, which has no scale of its own for each",
        "not possible with tier `Shared`",
    )
    .at(At::Key)
    .help("leave `scale` out, or ask the platform's administrators for `tier: Dedicated`")
}

/// The source comes to the flow, or has to be started.
pub(crate) fn must_be_there(connector: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.scale.min"),
        "a flow goes to zero only if it reads a topic",
        format!("`{connector}` takes nothing in while no pod runs"),
    )
    .replacement("1")
    .help("write 1; or publish to a topic here, and scale the flow that reads it")
}

/// More pods are asked for than there may be.
pub(crate) fn above_max(field: &str, number: u32, max: u32) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.scale").key(field),
        format!("`{field}` asks for more pods than `max` allows"),
        format!("{number} is more than {max}"),
    )
    .help(format!(
        "write `max: {number}`, and messages are spread over as many partitions"
    ))
}

/// There is nothing to choose between.
pub(crate) fn never_changes(field: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.scale").key(field),
        format!("`{field}` decides between `min` and `max`, which are the same here"),
        "decides nothing",
    )
    .at(At::Key)
    .help(format!(
        "leave `{field}` out, or write another `min` or `max`"
    ))
}

/// Too short or too long.
pub(crate) fn idle_after(text: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.scale.idleAfter"),
        "a pod goes after 10s at the least and 1d at the most",
        format!("{text} is not between the two"),
    )
    .help("write a duration from 10s to 1d")
}
