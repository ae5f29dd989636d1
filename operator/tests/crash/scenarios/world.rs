//! Objects that stories begin with, and where they lie.

pub(super) const NAMESPACES: &str = "
{kind: Namespace, metadata: {name: acme}}
---
{kind: Namespace, metadata: {name: acme-two}}
---
{kind: Namespace, metadata: {name: globex}}
";

pub(super) const TENANTS: &str = "
{kind: Tenant, metadata: {name: acme}, spec: {namespaces: [acme]}}
---
{kind: Tenant, metadata: {name: globex}, spec: {namespaces: [globex]}}
";

/// acme takes orders in, shares them, and looks at them itself.
pub(super) const ACME: &str = r#"
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

pub(super) const GRANT: &str = "
kind: Grant
metadata: {name: orders-for-globex, namespace: acme}
spec: {to: {tenant: globex}, topic: orders, revocation: Drain}
";

pub(super) const CUTTING_GRANT: &str = "
kind: Grant
metadata: {name: orders-for-globex, namespace: acme}
spec: {to: {tenant: globex}, topic: orders, revocation: Cut}
";

pub(super) const READER: &str = r#"
kind: Flow
metadata: {name: fulfil, namespace: globex}
spec:
  source: {topic: acme/orders}
  steps:
    - {name: shape, map: '. = {"order": .id, "amount": .total}'}
  sinks:
    warehouse: {connector: http, with: {url: "https://globex.example/warehouse"}}
"#;

pub(super) const CLOCK: &str = "
kind: Flow
metadata: {name: clock, namespace: acme}
spec:
  source: {connector: schedule, with: {cron: '0 3 * * *', timezone: UTC}}
  sinks:
    log: {connector: log}
";

pub(super) const ALERTS: &str = "
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

pub(super) const SHOP: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/shop";
pub(super) const AUDIT: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/audit";
pub(super) const TICKING: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/clock";
pub(super) const ALARM: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/alarm";
pub(super) const FULFIL: &str = "/apis/vrsky.io/v1alpha1/namespaces/globex/flows/fulfil";
pub(super) const ORDERS: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/topics/orders";
pub(super) const SHARED: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/grants/orders-for-globex";
pub(super) const CONNECTOR: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/connectors/alerts";
pub(super) const TENANT: &str = "/apis/vrsky.io/v1alpha1/tenants/acme";
pub(super) const OTHER: &str = "/apis/vrsky.io/v1alpha1/tenants/globex";
