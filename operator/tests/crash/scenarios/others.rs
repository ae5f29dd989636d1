//! Of what is in Kubernetes, and of much at once.

use serde_json::json;

use super::world::{ACME, ALERTS, AUDIT, CLOCK, GRANT, OTHER, READER, SHARED, TENANT};
use super::{Scenario, create, dedicated, revoked, scenario};
use crate::lane::Edit;

/// A ResourceQuota and a LimitRange in each namespace.
fn compute(cpu: &str) -> serde_json::Value {
    let container = json!({"default": {"cpu": "500m", "memory": "256Mi"}});
    json!({"spec": {"compute": {"pods": 10, "limits": {"cpu": cpu}, "container": container}}})
}

pub(super) fn all() -> Vec<Scenario> {
    const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/acme/deployments/vrsky-runtime";
    vec![
        scenario(
            "deployment scaled by somebody",
            &[ACME],
            vec![Edit::Merge(DEPLOYMENT, json!({"spec": {"replicas": 0}}))],
        ),
        scenario(
            "runtime's objects deleted by somebody",
            &[ACME],
            vec![
                Edit::Delete(DEPLOYMENT),
                Edit::Delete("/api/v1/namespaces/acme/services/vrsky-runtime"),
                Edit::Delete("/api/v1/namespaces/acme/serviceaccounts/vrsky-runtime"),
            ],
        ),
        scenario(
            "pods asked for by hand",
            &[ACME],
            vec![Edit::Merge(
                AUDIT,
                json!({"spec": {"scale": {"max": 4, "replicas": 3}}}),
            )],
        )
        .after(vec![dedicated(TENANT)]),
        scenario(
            "nodes shared out, and otherwise",
            &[ACME],
            vec![Edit::Merge(TENANT, compute("4"))],
        )
        .after(vec![Edit::Merge(TENANT, compute("2"))]),
        scenario(
            "nodes no longer shared out",
            &[ACME],
            vec![Edit::Merge(TENANT, json!({"spec": {"compute": null}}))],
        )
        .after(vec![Edit::Merge(TENANT, compute("2"))]),
        scenario(
            "much at once",
            &[ACME, GRANT, READER],
            vec![
                create(&[CLOCK, ALERTS]),
                Edit::Delete(AUDIT),
                revoked(SHARED),
                dedicated(OTHER),
            ],
        ),
    ]
}
