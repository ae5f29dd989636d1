//! What the flow says of itself, at each change and every two seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use vrsky_plan::{Report, platform};

use crate::clock;
use crate::connection::Connection;
use crate::status::{EdgeStatus, Status, lock};

const EVERY: Duration = Duration::from_secs(2);
/// The first change is reported at once; those that follow it sooner than this, together.
const APART: Duration = Duration::from_millis(20);
const ANSWER: Duration = Duration::from_secs(1);

/// Reports until `stop`, and once more then.
pub(super) async fn run(connection: Connection, status: Arc<Status>, stop: CancellationToken) {
    loop {
        let last = stop.is_cancelled();
        let began = Instant::now();
        // Before the first program there is nothing to say.
        if !status.slow().program.is_empty() {
            report(&connection, &status, last).await;
        }
        if last {
            return;
        }
        tokio::select! {
            () = status.changed.notified() => sleep_until(began + APART).await,
            () = sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn report(connection: &Connection, status: &Status, last: bool) {
    let mut backlog = BTreeMap::new();
    // At the end the consumers are gone.
    for (edge, edge_status) in status.edges().into_iter().filter(|_| !last) {
        let messages = self::backlog(connection, &edge_status).await;
        *lock(&edge_status.backlog) = messages;
        if let Some(messages) = messages {
            backlog.insert(edge, messages);
        }
    }
    let slow = status.slow();
    let report = Report {
        flow: status.flow().clone(),
        state: slow.reported(),
        program: slow.program,
        generation: slow.generation,
        process: connection.process().to_owned(),
        at_ms: clock::now_ms(),
        url: slow.url,
        counters: status.counters(),
        backlog,
        last_error: slow.last_error,
    };
    let subject =
        platform::report_subject(connection.tenant(), status.flow(), connection.process());
    let Ok(payload) = serde_json::to_vec(&report) else {
        return;
    };
    if let Err(reason) = connection.ask(subject, None, payload.into(), ANSWER).await {
        // The next report says it all again.
        tracing::debug!(event = "not_reported", flow = %status.flow(), %reason);
    }
}

/// Messages that wait on an edge and its lanes. `None`: not known at the moment, or read by another.
pub(super) async fn backlog(connection: &Connection, edge: &EdgeStatus) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Info {
        num_pending: u64,
        num_ack_pending: u64,
    }
    let consumers = lock(&edge.consumers).clone();
    if consumers.is_empty() {
        return None;
    }
    let mut waiting = edge.unfinished.load(Ordering::Relaxed);
    for (lane, name) in consumers {
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{name}", connection.transit());
        let answer = connection
            .ask(subject, None, Bytes::new(), ANSWER)
            .await
            .ok()?;
        let info: Info = serde_json::from_slice(&answer.payload).ok()?;
        waiting += info.num_pending;
        if !lane.is_empty() {
            waiting += info.num_ack_pending;
        }
    }
    Some(waiting)
}
