//! What each role may do in a tenant's account: the least that works.
//!
//! The account is the border between tenants. Inside it, these lists keep a runtime that was taken
//! over from its neighbours' programs, and support from the flows' own business.

use std::collections::BTreeSet;

use litemap::LiteMap;
use vrsky_plan::TenantId;
use vrsky_plan::platform::{LEASES, PROGRAMS};
use vrsky_plan::tenant::Permissions;

use crate::signature::Tenant;

/// Replies to the user's own requests.
const INBOX: &str = "_INBOX_<user>.>";

/// The roles by name.
pub(super) fn roles(tenant: &Tenant, shared: &BTreeSet<&str>) -> LiteMap<String, Permissions> {
    let mut roles = LiteMap::with_capacity(2);
    roles.insert("runtime".to_owned(), runtime(&tenant.id, shared));
    roles.insert("support".to_owned(), support(&tenant.id));
    roles
}

/// Reads and empties edges, publishes to them, keeps leases, reports; sees programs, writes none.
fn runtime(id: &TenantId, shared: &BTreeSet<&str>) -> Permissions {
    let transit = id.transit_stream();
    let mut publish = vec![
        "d.>".to_owned(),
        "e.>".to_owned(),
        format!("$JS.ACK.{transit}.>"),
        format!("$JS.API.CONSUMER.CREATE.{transit}.*.e.>"),
        format!("$JS.API.CONSUMER.DELETE.{transit}.*"),
        format!("$JS.API.CONSUMER.INFO.{transit}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{transit}.*"),
        format!("$JS.API.DIRECT.GET.KV_{LEASES}.$KV.{LEASES}.{id}.>"),
        format!("$JS.API.DIRECT.GET.KV_{PROGRAMS}.$KV.{PROGRAMS}.{id}.>"),
        format!("$JS.API.STREAM.INFO.{transit}"),
        format!("$JS.API.STREAM.PURGE.{transit}"),
        format!("$KV.{LEASES}.{id}.>"),
        format!("reports.{id}.>"),
    ];
    publish.extend(shared.iter().map(|topic| format!("x.{topic}")));
    publish.sort();
    Permissions {
        publish,
        subscribe: vec![format!("$KV.{PROGRAMS}.{id}.>"), INBOX.to_owned()],
    }
}

/// Reads dead letters, removes them, and puts their messages back onto edges, where it may look at
/// what lies there.
fn support(id: &TenantId) -> Permissions {
    let dead = id.dead_letter_stream();
    let transit = id.transit_stream();
    let mut publish = vec![
        "e.>".to_owned(),
        format!("$JS.API.DIRECT.GET.{dead}"),
        format!("$JS.API.DIRECT.GET.{dead}.>"),
        format!("$JS.API.DIRECT.GET.{transit}"),
        format!("$JS.API.STREAM.INFO.{dead}"),
        format!("$JS.API.STREAM.MSG.DELETE.{dead}"),
        format!("$JS.API.STREAM.MSG.GET.{dead}"),
    ];
    publish.sort();
    Permissions {
        publish,
        subscribe: vec![INBOX.to_owned()],
    }
}
