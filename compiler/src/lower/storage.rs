//! Streams and account limits, from quotas.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_plan::tenant::{Limits, Stream, StreamRole};
use vrsky_plan::{FlowId, Program};

use crate::signature::Tenant;

/// Headers, subjects and the like beside a payload, in bytes.
const AROUND_A_PAYLOAD: u64 = 64 << 10;
/// Messages on one subject: beyond it, back-pressure.
const PER_SUBJECT: i64 = 1_000_000;

/// The streams: of the storage, 60 % for what is in transit, 20 % for dead letters and 20 % for what
/// is shared. The last part lies idle while nothing is, so that sharing resizes nothing.
pub(super) fn streams(tenant: &Tenant, shared: bool, replicas: usize) -> Vec<Stream> {
    let id = &tenant.id;
    let stream = |name, role, subject: &str, percent: u64, seconds| Stream {
        name,
        role,
        subjects: vec![subject.to_owned()],
        max_bytes: signed(tenant.storage / 100 * percent),
        max_age_seconds: seconds,
        max_messages_per_subject: PER_SUBJECT,
        max_message_size: i32::try_from(tenant.payload + AROUND_A_PAYLOAD).unwrap_or(i32::MAX),
        replicas,
    };
    let mut streams = vec![
        stream(
            id.dead_letter_stream(),
            StreamRole::DeadLetters,
            "d.>",
            20,
            tenant.dead_letter_seconds,
        ),
        stream(
            id.transit_stream(),
            StreamRole::Transit,
            "e.>",
            60,
            tenant.transit_seconds,
        ),
    ];
    if shared {
        streams.push(stream(
            id.shared_stream(),
            StreamRole::Shared,
            "x.>",
            20,
            tenant.transit_seconds,
        ));
    }
    streams
}

/// The account's limits.
pub(super) fn limits(
    tenant: &Tenant,
    programs: &BTreeMap<FlowId, Arc<Program>>,
    replicas: usize,
) -> Limits {
    // A flow that is spread counts as often as it has partitions, and may have as many pods.
    let more = programs
        .values()
        .map(|program| i64::from(program.partitions.saturating_sub(1)));
    let more: i64 = more.sum();
    let flows = i64::from(tenant.flows) + more;
    Limits {
        disk_storage: signed(tenant.storage.saturating_mul(replicas as u64)),
        memory_storage: 256 << 20,
        streams: 3,
        // A flow has at most 21 edges with three of retries each, an owner and its successor; and a
        // grant one consumer for each flow that reads.
        consumers: flows * 21 * 4 * 2 + i64::from(tenant.grants) * 100,
        connections: 256 + more,
        payload: signed(tenant.payload + AROUND_A_PAYLOAD),
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
