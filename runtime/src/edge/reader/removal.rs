//! How finished messages go: acknowledged and purged up to the first that is not finished.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use vrsky_plan::Subject;

use super::{REMOVE_AFTER, REMOVE_WITHIN, Reader};
use crate::connection::Refusal;
use crate::edge::Shared;
use crate::edge::window::Floor;

impl Reader {
    /// Acknowledges and removes the finished prefix, when it is worth a call.
    pub(super) fn remove(&mut self) {
        let floor = self.window.floor();
        let finished = floor.finished - self.removed;
        if finished == 0 || self.removal.is_some() {
            return;
        }
        let at = *self
            .remove_at
            .get_or_insert_with(|| Instant::now() + REMOVE_WITHIN);
        if finished < REMOVE_AFTER && Instant::now() < at {
            return;
        }
        self.remove_at = None;
        self.removing = floor.finished;
        self.removal = Some(removal(&self.shared, &self.subject, floor).boxed());
    }

    pub(super) fn was_removed(&mut self, result: Result<(), Refusal>) {
        self.removal = None;
        match result {
            Ok(()) => self.removed = self.removing,
            Err(reason) => {
                let (flow, edge) = (&self.shared.flow, &self.shared.edge);
                tracing::warn!(event = "not_removed", %flow, %edge, %reason);
                self.remove_at = Some(Instant::now() + Duration::from_secs(1));
            }
        }
    }
}

/// What removes the finished prefix; the acknowledgement keeps the consumer's own window moving.
pub(super) fn removal(
    shared: &Arc<Shared>,
    subject: &Subject,
    floor: &Floor,
) -> impl Future<Output = Result<(), Refusal>> + Send + 'static {
    let shared = Arc::clone(shared);
    // `seq` is the first sequence that stays.
    let request = format!(r#"{{"filter":"{subject}","seq":{}}}"#, floor.sequence + 1);
    let acknowledge = floor.acknowledge.clone();
    async move {
        let connection = &shared.connection;
        if let Some(acknowledge) = acknowledge {
            let acknowledged = connection.client().publish(acknowledge, "+ACK".into());
            // Lost, the next one stands for it.
            let _ = tokio::time::timeout(Duration::from_secs(1), acknowledged).await;
        }
        let subject = format!("$JS.API.STREAM.PURGE.{}", connection.transit());
        connection
            .ask(subject, None, request.into(), Duration::from_secs(5))
            .await
            .map(|_| ())
    }
}
