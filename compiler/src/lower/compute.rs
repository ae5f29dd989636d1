//! What pods may use, in Kubernetes' words.

use std::collections::BTreeMap;

use vrsky_crds::tenant::Resources;
use vrsky_plan::tenant::Compute;

use crate::shape::formats;
use crate::signature::Tenant;

/// Nothing, if the Tenant says nothing of it.
pub(super) fn compute(tenant: &Tenant) -> Option<Compute> {
    let asked = tenant.compute.as_ref()?;
    let mut quota = BTreeMap::new();
    for (of, resources) in [("requests", &asked.requests), ("limits", &asked.limits)] {
        let amounts = amounts(resources.as_ref()).into_iter();
        quota.extend(amounts.map(|(name, amount)| (format!("{of}.{name}"), amount)));
    }
    quota.extend(asked.pods.map(|pods| {
        let pods = formats::canonical(&pods.to_string());
        ("pods".to_owned(), pods)
    }));
    let container = asked.container.as_ref();
    Some(Compute {
        namespaces: tenant.namespaces.clone(),
        quota,
        default: amounts(container.and_then(|it| it.default.as_ref())),
        default_request: amounts(container.and_then(|it| it.default_request.as_ref())),
        max: amounts(container.and_then(|it| it.max.as_ref())),
    })
}

fn amounts(resources: Option<&Resources>) -> BTreeMap<String, String> {
    let Some(Resources { cpu, memory }) = resources else {
        return BTreeMap::new();
    };
    let cpu = cpu.as_ref().map(|cpu| ("cpu", &cpu.0));
    let memory = memory.as_ref().map(|memory| ("memory", &memory.0));
    let all = cpu.into_iter().chain(memory);
    all.map(|(name, amount)| (name.to_owned(), formats::canonical(amount)))
        .collect()
}
