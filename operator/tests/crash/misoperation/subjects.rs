//! The objects that users change, each with valid and invalid forms.

use serde_json::{Value, json};
use vrsky_operator::kinds::Kind;

/// An object, and what may be said of it.
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) valid: Vec<Value>,
    pub(super) invalid: Vec<Value>,
}

/// All of them.
pub(super) fn subjects() -> Vec<Subject> {
    let mut all = tenancy();
    all.extend(flows());
    all
}

fn tenancy() -> Vec<Subject> {
    let fields = json!({"id": "string", "total": "number", "country": "string"});
    let wider = json!({"id": "string", "total": "number", "country": "string",
        "note": "optional string"});
    let grant = |more: Value| {
        let mut spec = json!({"to": {"tenant": "globex"}, "topic": "orders"});
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        spec
    };
    vec![
        Subject {
            kind: Kind::Tenant,
            namespace: "",
            name: "acme",
            valid: vec![
                json!({"namespaces": ["acme"]}),
                json!({"namespaces": ["acme"], "tier": "Dedicated"}),
                json!({"namespaces": ["acme"], "quotas": {"flows": 50}}),
            ],
            invalid: vec![
                json!({"namespaces": ["acme"], "tier": "Huge"}),
                json!({"namespaces": "acme"}),
                json!({"namespace": ["acme"]}),
                json!({}),
            ],
        },
        Subject {
            kind: Kind::Tenant,
            namespace: "",
            name: "globex",
            valid: vec![json!({"namespaces": ["globex"]})],
            invalid: vec![json!({"namespaces": ["globex"], "colour": "blue"})],
        },
        Subject {
            kind: Kind::Topic,
            namespace: "acme",
            name: "orders",
            valid: vec![
                json!({"contract": {"fields": fields}}),
                json!({"contract": {"fields": wider}, "description": "with a note"}),
            ],
            invalid: vec![
                json!({}),
                json!({"contract": {"fields": {"id": "strin"}}}),
                json!({"contrakt": {"fields": fields}}),
                json!({"contract": {"schema": {"type": "objekt"}}}),
                json!({"contract": 5}),
            ],
        },
        Subject {
            kind: Kind::Grant,
            namespace: "acme",
            name: "orders-for-globex",
            valid: vec![
                grant(json!({})),
                grant(json!({"revocation": "Cut"})),
                grant(json!({"expires": "2099-01-01T00:00:00Z"})),
            ],
            invalid: vec![
                grant(json!({"expires": "soon"})),
                grant(json!({"to": {}})),
                grant(json!({"revocation": "Burn"})),
                grant(json!({"topics": ["orders"]})),
            ],
        },
        Subject {
            kind: Kind::Connector,
            namespace: "acme",
            name: "alerts",
            valid: vec![
                json!({"from": "http", "with": {"url": "https://acme.example/one"}}),
                json!({"from": "http", "with": {"url": "https://acme.example/two"}}),
            ],
            invalid: vec![
                json!({"from": "htttp", "with": {"url": "https://acme.example/one"}}),
                json!({"from": "http", "with": {"uri": "https://acme.example/one"}}),
                json!({"with": {}}),
            ],
        },
    ]
}

fn flows() -> Vec<Subject> {
    let shop = |filter: &str, map: &str| {
        json!({
            "source": {"connector": "webhook", "with": {"path": "/shop"}, "contract": {"fields":
                {"id": "string", "status": "string", "country": "string", "total": "number"}}},
            "steps": [{"filter": filter}, {"map": map}],
            "sinks": {"shared": {"topic": "orders"}},
        })
    };
    let map = r#". = {"id": .id, "total": .total, "country": .country}"#;
    let reader = |topic: &str, steps: Value, sink: Value| json!({"source": {"topic": topic}, "steps": steps, "sinks": {"out": sink}});
    let log = json!({"connector": "log"});
    let http = json!({"connector": "http", "with": {"url": "https://globex.example/in"}});
    vec![
        Subject {
            kind: Kind::Flow,
            namespace: "acme",
            name: "shop",
            valid: vec![
                shop(".status == \"paid\"", map),
                shop(".total > 5.0", map),
                shop(".country != \"DE\"", map),
            ],
            invalid: vec![
                shop(".staus == \"paid\"", map),
                shop(".total", map),
                shop(".total >", map),
                shop(".total > 5.0", ". = {\"id\": .id}"),
                json!({"source": {"connector": "webhok"}, "sinks": {"shared": {"topic": "orders"}}}),
                json!({"source": "webhook"}),
            ],
        },
        Subject {
            kind: Kind::Flow,
            namespace: "acme",
            name: "audit",
            valid: vec![
                reader("orders", json!([]), log.clone()),
                reader("orders", json!([{"filter": ".total > 9.0"}]), log.clone()),
            ],
            invalid: vec![
                reader("order", json!([]), log.clone()),
                reader("orders", json!([{"filtr": ".total > 9.0"}]), log.clone()),
                reader("orders", json!([]), json!({"connector": "lug"})),
            ],
        },
        Subject {
            kind: Kind::Flow,
            namespace: "acme",
            name: "alarm",
            valid: vec![
                reader("orders", json!([]), json!({"connector": "alerts"})),
                reader(
                    "orders",
                    json!([{"filter": ".id != \"\""}]),
                    json!({"connector": "alerts"}),
                ),
            ],
            invalid: vec![reader("orders", json!([]), json!({"connector": "alert"}))],
        },
        Subject {
            kind: Kind::Flow,
            namespace: "globex",
            name: "fulfil",
            valid: vec![
                reader("acme/orders", json!([]), http.clone()),
                reader(
                    "acme/orders",
                    json!([{"map": ". = {\"order\": .id}"}]),
                    http.clone(),
                ),
            ],
            invalid: vec![
                reader("acme/secrets", json!([]), http.clone()),
                reader(
                    "acme/orders",
                    json!([{"map": ". = {\"order\": .nr}"}]),
                    http,
                ),
                reader(
                    "acme/orders",
                    json!([]),
                    json!({"connector": "http", "with": {}}),
                ),
            ],
        },
    ]
}
