//! Of flows.

use serde_json::json;

use super::world::{ACME, AUDIT, CLOCK, SHOP, TICKING};
use super::{Scenario, create, paused, scenario};
use crate::lane::Edit;

pub(super) fn all() -> Vec<Scenario> {
    let broken = Edit::Merge(
        SHOP,
        json!({"spec": {"steps": [{"filter": ".contry == \"DE\""}]}}),
    );
    let mended = Edit::Merge(
        SHOP,
        json!({"spec": {"steps": [
            {"filter": ".country == \"DE\""},
            {"name": "shape", "map": ". = {\"id\": .id, \"total\": .total, \"country\": .country}"},
        ]}}),
    );
    let renamed = ACME.replace("name: shop,", "name: store,");
    let renamed = renamed.split("---").nth(1).unwrap().to_owned();
    let asks_for_secret = json!({"spec": {"source": {"with": {
        "verify": {"standardWebhooks": {"secretRef": {"name": "shop", "key": "signing"}}},
    }}}});
    let asks_for_another = json!({"spec": {"source": {"with": {
        "verify": {"standardWebhooks": {"secretRef": {"name": "other", "key": "signing"}}},
    }}}});
    vec![
        scenario("flow created", &[ACME], vec![create(&[CLOCK])]),
        scenario("flow edited", &[ACME], vec![mended.clone()]),
        scenario("flow broken", &[ACME], vec![broken.clone()]).only_told(),
        scenario("flow mended", &[ACME], vec![mended]).after(vec![broken.clone()]),
        scenario("broken flow reverted and another edited", &[ACME], vec![
            Edit::Merge(AUDIT, json!({"spec": {"steps": [{"filter": ".total > 5"}]}})),
            Edit::Merge(SHOP, json!({"spec": {"steps": [
                {"filter": ".status == \"paid\""},
                {"name": "shape", "map": ". = {\"id\": .id, \"total\": .total, \"country\": .country}"},
            ]}})),
        ])
        .after(vec![broken.clone()]),
        scenario("flow renamed", &[ACME], vec![Edit::Delete(SHOP), Edit::Create(renamed)]),
        scenario("webhook flow deleted with a backlog", &[ACME], vec![Edit::Delete(SHOP)])
            .with_backlog("acme", "e.acme_shop.in"),
        scenario("reading flow deleted", &[ACME], vec![Edit::Delete(AUDIT)]),
        scenario("broken flow deleted", &[ACME], vec![Edit::Delete(SHOP)]).after(vec![broken]),
        // A backup that was restored, say.
        scenario("flow deleted whose finalizer came with it", &[ACME], vec![Edit::Delete(TICKING)])
            .after(vec![create(&[&CLOCK.replace("acme}", "acme, finalizers: [vrsky.io/finalizer]}")])]),
        scenario("flow edited while the past is forgotten", &[ACME], vec![
            Edit::Compact,
            Edit::Merge(AUDIT, json!({"spec": {"steps": [{"filter": ".total > 5"}]}})),
        ]),
        scenario("flow suspended", &[ACME], vec![
            Edit::Merge(SHOP, json!({"spec": {"suspend": true}})),
        ]),
        scenario("flow resumed", &[ACME], vec![
            Edit::Merge(SHOP, json!({"spec": {"suspend": false}})),
        ])
        .after(vec![Edit::Merge(SHOP, json!({"spec": {"suspend": true}}))]),
        scenario("flow asks for a secret", &[ACME], vec![
            Edit::Merge(SHOP, asks_for_secret.clone()),
        ]),
        scenario("flow asks for another secret", &[ACME], vec![
            Edit::Merge(SHOP, asks_for_another),
        ])
        .after(vec![Edit::Merge(SHOP, asks_for_secret)]),
        scenario("flow paused and edited", &[ACME], vec![
            Edit::Merge(SHOP, json!({"spec": {"suspend": true}})),
        ])
        .after(vec![paused(SHOP)])
        .only_told(),
    ]
}
