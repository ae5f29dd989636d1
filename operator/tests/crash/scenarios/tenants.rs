//! Of tenants and their namespaces.

use serde_json::json;

use super::world::{ACME, AUDIT, CLOCK, GRANT, NAMESPACES, ORDERS, READER, SHOP, TENANT, TENANTS};
use super::{Scenario, create, dedicated, paused, scenario};
use crate::lane::Edit;

pub(super) fn all() -> Vec<Scenario> {
    let shared = json!({"spec": {"tier": "Shared"}});
    let few = json!({"spec": {"quotas": {"flows": 2}}});
    vec![
        Scenario {
            name: "first tenant of all",
            world: Vec::new(),
            before: Vec::new(),
            backlog: None,
            change: vec![create(&[NAMESPACES, TENANTS, ACME])],
            is_only_told: false,
        },
        scenario(
            "tenant created",
            &[ACME],
            vec![Edit::Create(
                "{kind: Tenant, metadata: {name: umbrella}, spec: {namespaces: [acme-two]}}"
                    .to_owned(),
            )],
        ),
        scenario(
            "tenant deleted with what is its",
            &[ACME],
            vec![
                Edit::Delete(SHOP),
                Edit::Delete(AUDIT),
                Edit::Delete(ORDERS),
                Edit::Delete(TENANT),
            ],
        ),
        scenario(
            "quota lowered",
            &[ACME],
            vec![Edit::Merge(
                TENANT,
                json!({"spec": {"quotas": {"storage": "512Mi"}}}),
            )],
        ),
        scenario("quota exceeded", &[ACME], vec![create(&[CLOCK])])
            .after(vec![Edit::Merge(TENANT, few.clone())]),
        scenario(
            "quota lowered below what runs",
            &[ACME, CLOCK],
            vec![Edit::Merge(TENANT, few)],
        ),
        scenario("tier raised", &[ACME, CLOCK], vec![dedicated(TENANT)]),
        scenario(
            "tier lowered",
            &[ACME, CLOCK],
            vec![Edit::Merge(TENANT, shared)],
        )
        .after(vec![dedicated(TENANT)]),
        // What an operator that starts now can read of it says too little: it has to remember.
        scenario(
            "tenant of a later version",
            &[ACME, CLOCK],
            vec![Edit::Merge(
                TENANT,
                json!({"spec": {"tier": "Later", "quotas": {"later": 1}}}),
            )],
        )
        .after(vec![Edit::Merge(
            TENANT,
            json!({"spec": {"tier": "Dedicated", "quotas": {"storage": "2Gi"}}}),
        )])
        .only_told(),
        scenario(
            "tenant paused and edited",
            &[ACME, CLOCK],
            vec![dedicated(TENANT)],
        )
        .after(vec![paused(TENANT)])
        .only_told(),
        scenario(
            "flow may go to zero",
            &[ACME],
            vec![Edit::Merge(AUDIT, json!({"spec": {"scale": {"min": 0}}}))],
        )
        .after(vec![dedicated(TENANT)]),
        scenario(
            "namespace bound",
            &[ACME],
            vec![
                Edit::Merge(
                    TENANT,
                    json!({"spec": {"namespaces": ["acme", "acme-two"]}}),
                ),
                Edit::Create(CLOCK.replace("namespace: acme", "namespace: acme-two")),
            ],
        ),
        scenario(
            "namespace let go",
            &[ACME],
            vec![Edit::Merge(
                TENANT,
                json!({"spec": {"namespaces": ["acme-two"]}}),
            )],
        ),
        scenario(
            "namespace deleted",
            &[ACME, GRANT, READER],
            vec![Edit::Delete("/api/v1/namespaces/globex")],
        ),
        scenario(
            "namespace of a stranger",
            &[ACME],
            vec![create(&["{kind: Namespace, metadata: {name: acme}}", ACME])],
        )
        .after(vec![Edit::Delete("/api/v1/namespaces/acme")]),
    ]
}
