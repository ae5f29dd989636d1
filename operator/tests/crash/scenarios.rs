//! What users do: a world, and a change to it.

use serde_json::json;

use crate::lane::Edit;

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
}

const NAMESPACES: &str = "
{kind: Namespace, metadata: {name: acme}}
---
{kind: Namespace, metadata: {name: acme-two}}
---
{kind: Namespace, metadata: {name: globex}}
";

const TENANTS: &str = "
{kind: Tenant, metadata: {name: acme}, spec: {namespaces: [acme]}}
---
{kind: Tenant, metadata: {name: globex}, spec: {namespaces: [globex]}}
";

/// acme takes orders in, shares them, and looks at them itself.
const ACME: &str = r#"
kind: Topic
metadata: {name: orders, namespace: acme}
spec:
  contract: {fields: {id: string, total: number, country: string}}
---
kind: Flow
metadata: {name: shop, namespace: acme}
spec:
  source:
    connector: webhook
    with: {path: /shop}
    contract: {fields: {id: string, status: string, country: string, total: number}}
  steps:
    - filter: .status == "paid"
    - {name: shape, map: '. = {"id": .id, "total": .total, "country": .country}'}
  sinks:
    shared: {topic: orders}
---
kind: Flow
metadata: {name: audit, namespace: acme}
spec:
  source: {topic: orders}
  sinks:
    log: {connector: log}
"#;

const GRANT: &str = "
kind: Grant
metadata: {name: orders-for-globex, namespace: acme}
spec: {to: {tenant: globex}, topic: orders, revocation: Drain}
";

const CUTTING_GRANT: &str = "
kind: Grant
metadata: {name: orders-for-globex, namespace: acme}
spec: {to: {tenant: globex}, topic: orders, revocation: Cut}
";

const READER: &str = r#"
kind: Flow
metadata: {name: fulfil, namespace: globex}
spec:
  source: {topic: acme/orders}
  steps:
    - {name: shape, map: '. = {"order": .id, "amount": .total}'}
  sinks:
    warehouse: {connector: http, with: {url: "https://globex.example/warehouse"}}
"#;

const CLOCK: &str = "
kind: Flow
metadata: {name: clock, namespace: acme}
spec:
  source: {connector: schedule, with: {cron: '0 3 * * *', timezone: UTC}}
  sinks:
    log: {connector: log}
";

const ALERTS: &str = "
kind: Connector
metadata: {name: alerts, namespace: acme}
spec:
  from: http
  with: {url: 'https://acme.example/alerts'}
---
kind: Flow
metadata: {name: alarm, namespace: acme}
spec:
  source: {topic: orders}
  sinks:
    people: {connector: alerts}
";

const SHOP: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/shop";
const AUDIT: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/audit";
const ALARM: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/alarm";
const FULFIL: &str = "/apis/vrsky.io/v1alpha1/namespaces/globex/flows/fulfil";
const ORDERS: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/topics/orders";
const SHARED: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/grants/orders-for-globex";
const CONNECTOR: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/connectors/alerts";
const TENANT: &str = "/apis/vrsky.io/v1alpha1/tenants/acme";
const OTHER: &str = "/apis/vrsky.io/v1alpha1/tenants/globex";

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
    }
}

impl Scenario {
    /// After this was done.
    fn after(mut self, before: Vec<Edit>) -> Self {
        self.before = before;
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
        scenario("flow broken", &[ACME], vec![broken.clone()]),
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
        )]),
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
