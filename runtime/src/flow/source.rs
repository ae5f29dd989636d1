//! A flow's source: kept open as long as its parameters are the same, run while the flow runs. Of a
//! singleton source, the holder of the lease of the pseudo edge `source` runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use vrsky_plan::EdgeName;
use vrsky_plan::program::{self, Program};

use crate::connection::Connection;
use crate::connectors::{self, Blocked};
use crate::edge::Claim;
use crate::intake::Intake;
use crate::status::Status;

/// How long a source may take to store what is under way.
const ENDING: Duration = Duration::from_secs(8);
/// A source that has run so long is not blocked.
const SETTLED: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(2);

/// An open source.
#[derive(Debug)]
pub(super) struct Source {
    of: program::Source,
    max_payload: usize,
    opened: Arc<connectors::Source>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
    intake: Intake,
}

impl Source {
    /// `None` for a topic: others publish to the flow's edge.
    pub(super) fn open(
        program: &Program,
        context: &connectors::Context,
        connection: &Connection,
        status: &Arc<Status>,
    ) -> Result<Option<Self>, Blocked> {
        let program::Source::Connector {
            builtin,
            with,
            decode,
        } = &program.source
        else {
            return Ok(None);
        };
        let source = connectors::Source::open(builtin, &with.value(), *decode, context)?;
        Ok(Some(Self {
            of: program.source.clone(),
            max_payload: program.max_payload,
            opened: Arc::new(source),
            running: None,
            intake: Intake::new(connection, status, program.max_payload),
        }))
    }

    /// Whether it is the source of this program too.
    pub(super) fn is_of(&self, program: &Program) -> bool {
        self.of == program.source && self.max_payload == program.max_payload
    }

    /// Where a webhook is reached.
    pub(super) fn url(&self) -> Option<String> {
        self.opened.url()
    }

    /// Runs it, if it does not run. What it takes in is spread over so many partitions.
    pub(super) fn run(&mut self, connection: &Connection, status: &Arc<Status>, partitions: u32) {
        self.intake.spread(partitions);
        if self.running.is_some() {
            return;
        }
        let stop = CancellationToken::new();
        let task = run(
            connection.clone(),
            Arc::clone(status),
            Arc::clone(&self.opened),
            self.intake.clone(),
            stop.clone(),
        );
        self.running = Some((stop, tokio::spawn(task)));
    }

    /// Stops taking in; what is under way is stored first.
    pub(super) async fn halt(&mut self) {
        let Some((stop, mut task)) = self.running.take() else {
            return;
        };
        stop.cancel();
        if timeout(ENDING, &mut task).await.is_err() {
            tracing::warn!(event = "source_cut_off");
            task.abort();
        }
    }
}

async fn run(
    connection: Connection,
    status: Arc<Status>,
    source: Arc<connectors::Source>,
    intake: Intake,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let claim = if source.singleton() {
            let edge = EdgeName::new("source").expect("a token");
            match Claim::acquire(&connection, status.flow(), &edge, &stop).await {
                Some(claim) => Some(claim),
                None => return,
            }
        } else {
            None
        };
        let ends = stop.child_token();
        let lost = claim.as_ref().map(|claim| claim.lost.clone());
        let result = {
            let running = source.run(intake.clone(), ends.clone());
            let mut running = std::pin::pin!(running);
            let mut settled = false;
            loop {
                tokio::select! {
                    result = &mut running => break result,
                    () = async { match &lost { Some(lost) => lost.cancelled().await, None => std::future::pending().await } }, if !ends.is_cancelled() => ends.cancel(),
                    () = sleep(SETTLED), if !settled => {
                        settled = true;
                        unblocked(&status);
                    }
                }
            }
        };
        if let Some(claim) = claim {
            claim.release().await;
        }
        if let Err(blocked) = result {
            if !stop.is_cancelled() {
                tracing::warn!(event = "source_blocked", flow = %status.flow(), reason = %blocked.reason);
            }
            status.set(|slow| slow.source = Some(blocked));
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(AGAIN) => {}
        }
    }
    unblocked(&status);
}

fn unblocked(status: &Status) {
    if status.slow().source.is_some() {
        status.set(|slow| slow.source = None);
    }
}
