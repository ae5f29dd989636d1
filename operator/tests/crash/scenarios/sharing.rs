//! Of topics, grants and connectors.

use serde_json::json;

use super::world::{
    ACME, ALARM, ALERTS, AUDIT, CONNECTOR, CUTTING_GRANT, FULFIL, GRANT, ORDERS, OTHER, READER,
    SHARED, SHOP, TENANT,
};
use super::{Scenario, create, paused, revoked, scenario};
use crate::lane::Edit;

pub(super) fn all() -> Vec<Scenario> {
    let given_back = json!({"spec": {"revoked": false}});
    let shared = &[ACME, GRANT, READER];
    vec![
        scenario("topic and flows created", &[], vec![create(&[ACME])]),
        scenario(
            "topic edited",
            shared,
            vec![Edit::Merge(
                ORDERS,
                json!({"spec": {"description": "Paid orders."}}),
            )],
        ),
        scenario(
            "topic widened",
            shared,
            vec![Edit::Merge(
                ORDERS,
                json!({"spec": {"contract": {"fields": {"note": "optional string"}}}}),
            )],
        ),
        scenario(
            "topic changed under its flows",
            shared,
            vec![Edit::Merge(
                ORDERS,
                json!({"spec": {"contract": {"fields": {"total": "string"}}}}),
            )],
        ),
        scenario(
            "topic deleted under its flows",
            shared,
            vec![Edit::Delete(ORDERS)],
        ),
        scenario(
            "topic deleted with its flows",
            &[ACME],
            vec![
                Edit::Delete(SHOP),
                Edit::Delete(AUDIT),
                Edit::Delete(ORDERS),
            ],
        ),
        scenario("grant given", &[ACME, READER], vec![create(&[GRANT])]),
        scenario(
            "grant and reader created",
            &[ACME],
            vec![create(&[GRANT, READER])],
        ),
        scenario("grant revoked", shared, vec![revoked(SHARED)]),
        scenario(
            "grant cut with a backlog",
            &[ACME, CUTTING_GRANT, READER],
            vec![revoked(SHARED)],
        )
        .with_backlog("globex", "e.globex_fulfil.in"),
        scenario(
            "grant given back",
            shared,
            vec![Edit::Merge(SHARED, given_back)],
        )
        .after(vec![revoked(SHARED)]),
        scenario(
            "grant expired",
            shared,
            vec![Edit::Merge(
                SHARED,
                json!({"spec": {"expires": "2024-01-01T00:00:00Z"}}),
            )],
        ),
        scenario("grant deleted", shared, vec![Edit::Delete(SHARED)]),
        scenario(
            "grant revoked while another object breaks",
            shared,
            vec![
                Edit::Merge(
                    SHOP,
                    json!({"spec": {"steps": [{"filter": ".contry == 1"}]}}),
                ),
                revoked(SHARED),
            ],
        ),
        scenario(
            "grant, topic and connector of a later version",
            &[ACME, GRANT, READER, ALERTS],
            vec![
                Edit::Merge(SHARED, json!({"spec": {"later": true}})),
                Edit::Merge(ORDERS, json!({"spec": {"later": true}})),
                Edit::Merge(CONNECTOR, json!({"spec": {"later": true}})),
            ],
        )
        .only_told(),
        scenario("grant paused and revoked", shared, vec![revoked(SHARED)])
            .after(vec![paused(SHARED)])
            .only_told(),
        scenario("reader deleted", shared, vec![Edit::Delete(FULFIL)]),
        scenario("reader's tenant deleted", shared, vec![Edit::Delete(OTHER)]),
        scenario("owner's tenant deleted", shared, vec![Edit::Delete(TENANT)]),
        scenario(
            "connector and flow created",
            &[ACME],
            vec![create(&[ALERTS])],
        ),
        scenario(
            "connector edited",
            &[ACME, ALERTS],
            vec![Edit::Merge(
                CONNECTOR,
                json!({"spec": {"with": {"url": "https://acme.example/others"}}}),
            )],
        ),
        scenario(
            "connector deleted under its flow",
            &[ACME, ALERTS],
            vec![Edit::Delete(CONNECTOR)],
        ),
        scenario(
            "connector deleted with its flow",
            &[ACME, ALERTS],
            vec![Edit::Delete(ALARM), Edit::Delete(CONNECTOR)],
        ),
    ]
}
