//! Limits for pods that contradict one another, or leave runtimes without pods.

use vrsky_crds::tenant::{Compute, Resources};

use super::Issue;
use crate::path::Path;
use crate::shape::formats;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(214);

const PATH: &str = "spec.compute";

/// What a container gets is more than it may have.
pub(crate) fn contradictions(compute: &Compute) -> Vec<Issue> {
    let container = compute.container.clone().unwrap_or_default();
    let request = container.default_request.as_ref();
    let default = container.default.as_ref();
    let max = container.max.as_ref();
    let mut issues = Vec::new();
    for amount in [cpu, memory] {
        for (low, high, smaller, larger) in [
            (request, default, "defaultRequest", "default"),
            (default, max, "default", "max"),
            (request, max, "defaultRequest", "max"),
        ] {
            let (low, high) = (low.and_then(amount), high.and_then(amount));
            if let (Some((name, low)), Some((_, high))) = (low, high)
                && low > high
            {
                issues.push(contradiction(smaller, larger, name));
            }
        }
    }
    issues
}

/// Runtimes have a limit of memory by the chart's values, and none of CPU.
pub(crate) fn no_pods(compute: &Compute) -> Option<Issue> {
    let container = compute.container.as_ref();
    let default = container.and_then(|it| it.default.as_ref()).and_then(cpu);
    let max = container.and_then(|it| it.max.as_ref()).and_then(cpu);
    let is_limited = compute.limits.as_ref().and_then(cpu).is_some();
    (is_limited && default.or(max).is_none()).then(no_default)
}

fn cpu(resources: &Resources) -> Option<(&'static str, u64)> {
    let amount = formats::millicores(&resources.cpu.as_ref()?.0)?;
    Some(("cpu", amount))
}

fn memory(resources: &Resources) -> Option<(&'static str, u64)> {
    let amount = formats::bytes(&resources.memory.as_ref()?.0)?;
    Some(("memory", amount))
}

fn contradiction(smaller: &str, larger: &str, name: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of(PATH).key("container").key(smaller).key(name),
        format!("a container's `{smaller}` is more than its `{larger}`"),
        format!("more than `{larger}.{name}`"),
    )
    .help(format!("lower it, or raise `{larger}.{name}`"))
}

fn no_default() -> Issue {
    Issue::new(
        CODE,
        &Path::of(PATH).key("limits").key("cpu"),
        "a namespace with a limit of CPU takes no pod without one, and runtimes have none",
        "nothing says what a container gets that has no limit of CPU",
    )
    .severity(Severity::Warning)
    .help("say it: `container: {default: {cpu: 500m}}`; or limit `requests.cpu` alone")
}
