//! What users do: a world, and a change to it.

mod world;

use serde_json::json;

use crate::lane::Edit;
use world::{
    ACME, ALARM, ALERTS, AUDIT, CLOCK, CONNECTOR, CUTTING_GRANT, FULFIL, GRANT, NAMESPACES, ORDERS,
    OTHER, READER, SHARED, SHOP, TENANT, TENANTS, TICKING,
};

/// One story.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The world, before the operator has seen it.
    pub(crate) world: Vec<Edit>,
    /// Changes that the operator has carried out before it counts.
    pub(crate) before: Vec<Edit>,
    /// Messages that lie on an edge before it counts: the tenant, and the subject.
    pub(crate) backlog: Option<(&'static str, &'static str)>,
    /// The change that counts.
    pub(crate) change: Vec<Edit>,
    /// All that comes of it is that statuses say so.
    pub(crate) is_only_told: bool,
}

fn create(texts: &[&str]) -> Edit {
    Edit::Create(texts.join("\n---\n"))
}

fn scenario(name: &'static str, world: &[&str], change: Vec<Edit>) -> Scenario {
    let mut all = vec![NAMESPACES, TENANTS];
    all.extend(world);
    Scenario {
        name,
        world: vec![create(&all)],
        before: Vec::new(),
        backlog: None,
        change,
        is_only_told: false,
    }
}

impl Scenario {
    /// After this was done.
    fn after(mut self, before: Vec<Edit>) -> Self {
        self.before = before;
        self
    }

    /// And nothing is done.
    fn only_told(mut self) -> Self {
        self.is_only_told = true;
        self
    }

    /// While messages lie there.
    fn with_backlog(mut self, tenant: &'static str, subject: &'static str) -> Self {
        self.backlog = Some((tenant, subject));
        self
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = flows();
    all.extend(sharing());
    all.extend(tenants());
    all.extend(others());
    all
}

fn flows() -> Vec<Scenario> {
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
        .after(vec![Edit::Merge(
            SHOP,
            json!({"metadata": {"annotations": {"vrsky.io/reconcile": "disabled"}}}),
        )])
        .only_told(),
    ]
}

fn sharing() -> Vec<Scenario> {
    let revoked = json!({"spec": {"revoked": true}});
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
        scenario(
            "grant revoked",
            shared,
            vec![Edit::Merge(SHARED, revoked.clone())],
        ),
        scenario(
            "grant cut with a backlog",
            &[ACME, CUTTING_GRANT, READER],
            vec![Edit::Merge(SHARED, revoked.clone())],
        )
        .with_backlog("globex", "e.globex_fulfil.in"),
        scenario(
            "grant given back",
            shared,
            vec![Edit::Merge(SHARED, given_back)],
        )
        .after(vec![Edit::Merge(SHARED, revoked.clone())]),
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
                Edit::Merge(SHARED, revoked),
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
        scenario(
            "grant paused and revoked",
            shared,
            vec![Edit::Merge(SHARED, json!({"spec": {"revoked": true}}))],
        )
        .after(vec![Edit::Merge(
            SHARED,
            json!({"metadata": {"annotations": {"vrsky.io/reconcile": "disabled"}}}),
        )])
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

fn tenants() -> Vec<Scenario> {
    let dedicated = json!({"spec": {"tier": "Dedicated"}});
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
        scenario(
            "tier raised",
            &[ACME, CLOCK],
            vec![Edit::Merge(TENANT, dedicated.clone())],
        ),
        scenario(
            "tier lowered",
            &[ACME, CLOCK],
            vec![Edit::Merge(TENANT, shared)],
        )
        .after(vec![Edit::Merge(TENANT, dedicated)]),
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
            vec![Edit::Merge(TENANT, json!({"spec": {"tier": "Dedicated"}}))],
        )
        .after(vec![Edit::Merge(
            TENANT,
            json!({"metadata": {"annotations": {"vrsky.io/reconcile": "disabled"}}}),
        )])
        .only_told(),
        scenario(
            "flow may go to zero",
            &[ACME],
            vec![Edit::Merge(AUDIT, json!({"spec": {"scale": {"min": 0}}}))],
        )
        .after(vec![Edit::Merge(
            TENANT,
            json!({"spec": {"tier": "Dedicated"}}),
        )]),
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

/// A ResourceQuota and a LimitRange in each namespace.
fn compute(cpu: &str) -> serde_json::Value {
    let container = json!({"default": {"cpu": "500m", "memory": "256Mi"}});
    json!({"spec": {"compute": {"pods": 10, "limits": {"cpu": cpu}, "container": container}}})
}

fn others() -> Vec<Scenario> {
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
        .after(vec![Edit::Merge(
            TENANT,
            json!({"spec": {"tier": "Dedicated"}}),
        )]),
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
                Edit::Merge(SHARED, json!({"spec": {"revoked": true}})),
                Edit::Merge(OTHER, json!({"spec": {"tier": "Dedicated"}})),
            ],
        ),
    ]
}
