//! The platform account: where programs, leases and reports live. Each tenant sees its own part of
//! it, under the same subjects, through exports and imports; no tenant can write a program.

use crate::{EdgeName, FlowId, TenantId};

/// KV bucket of programs; its stream is `KV_programs`. Written by the operator or `vrsky dev` only.
pub const PROGRAMS: &str = "programs";
/// KV bucket of leases; its stream is `KV_leases`. Written by runtimes, by compare-and-set.
pub const LEASES: &str = "leases";
/// Stream of reports, one message kept per subject.
pub const REPORTS: &str = "REPORTS";

/// `<tenant id>.<flow token>`: the key of a program in [`PROGRAMS`].
pub fn program_key(tenant: &TenantId, flow: &FlowId) -> String {
    format!("{tenant}.{}", flow.token())
}

/// `<tenant id>.index`: the key of the [`crate::report::Index`] in [`PROGRAMS`]. No flow's token is
/// `index`: a token has a `_`.
pub fn index_key(tenant: &TenantId) -> String {
    format!("{tenant}.index")
}

/// `<tenant id>.<flow token>.<edge>`: the key of a [`crate::Lease`] in [`LEASES`].
pub fn lease_key(tenant: &TenantId, flow: &FlowId, edge: &EdgeName) -> String {
    format!("{tenant}.{}.{edge}", flow.token())
}

/// `$KV.<bucket>.<key>`: the subject of a key.
pub fn key_subject(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

/// `$JS.API.DIRECT.GET.KV_<bucket>.$KV.<bucket>.<key>`: asks for the last value of a key.
pub fn key_get_subject(bucket: &str, key: &str) -> String {
    format!("$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}")
}

/// `reports.<tenant id>.<flow token>.<process>`: where one process reports on one flow. An
/// acknowledged publish.
pub fn report_subject(tenant: &TenantId, flow: &FlowId, process: &str) -> String {
    format!("reports.{tenant}.{}.{process}", flow.token())
}
