//! One durable edge: owned by one process at a time, read by it, and kept clean of what is finished.
//!
//! How it stops: `stop` lets the readers finish what is in flight (ten seconds at most), removes what
//! is finished, removes the consumers and lets go of the lease. A lost lease drops everything in
//! flight, unfinished: the new owner has it.

mod consumer;
mod input;
mod item;
mod lease;
mod publishing;
mod reader;
mod seats;
mod trial;
mod window;

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use vrsky_plan::{EdgeName, FlowId, Subject};

pub(crate) use input::Input;
pub(crate) use lease::Claim;
pub(crate) use seats::{Seats, Share};

use crate::connection::Connection;
use crate::retry::Lane;
use crate::stage::Stage;
use crate::status::{EdgeStatus, Status};
use reader::{End, Reader};

/// A running edge.
#[derive(Debug)]
pub(crate) struct Edge {
    stages: watch::Sender<Arc<Stage>>,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

/// What the readers of one edge share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connection: Connection,
    pub(crate) status: Arc<Status>,
    pub(crate) edge_status: Arc<EdgeStatus>,
    pub(crate) flow: FlowId,
    pub(crate) edge: EdgeName,
    pub(crate) subject: Subject,
    /// Wakes the reader of a lane on which a message was put.
    pub(crate) lanes: [Notify; 3],
}

impl Edge {
    /// Waits for the lease, then reads.
    pub(crate) fn start(
        connection: &Connection,
        status: &Arc<Status>,
        edge: &EdgeName,
        stage: Arc<Stage>,
    ) -> Self {
        let flow = status.flow().clone();
        let shared = Arc::new(Shared {
            connection: connection.clone(),
            status: Arc::clone(status),
            edge_status: status.edge(edge),
            subject: flow.edge_subject(edge),
            flow,
            edge: edge.clone(),
            lanes: Default::default(),
        });
        let stop = CancellationToken::new();
        let (stages, receiver) = watch::channel(stage);
        let done = tokio::spawn(run(shared, receiver, stop.clone()));
        Self { stages, stop, done }
    }

    /// Messages started from now on run through `stage`; what is in flight ends as it began.
    pub(crate) fn swap(&self, stage: Arc<Stage>) {
        self.stages.send_replace(stage);
    }

    /// Begins to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether the program had no such edge when it was started.
    pub(crate) fn is_leftover(&self) -> bool {
        self.stages.borrow().leftover.is_some()
    }

    /// Whether it was told to stop.
    pub(crate) fn stops(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether it has stopped.
    pub(crate) fn stopped(&self) -> bool {
        self.done.is_finished()
    }

    /// Waits until it has stopped.
    pub(crate) async fn join(self) {
        if let Err(error) = self.done.await {
            tracing::error!(event = "edge_failed", %error);
        }
    }
}

async fn run(shared: Arc<Shared>, stages: watch::Receiver<Arc<Stage>>, stop: CancellationToken) {
    loop {
        let claim = Claim::acquire(&shared.connection, &shared.flow, &shared.edge, &stop).await;
        let Some(claim) = claim.map(Arc::new) else {
            break;
        };
        let mut readers = JoinSet::new();
        for lane in std::iter::once(None).chain(Lane::ALL.map(Some)) {
            let reader = Reader::new(&shared, &claim, stages.clone(), stop.clone(), lane);
            readers.spawn(reader.run());
        }
        let mut lost = false;
        while let Some(end) = readers.join_next().await {
            match end {
                Ok(End::Stopped) => {}
                Ok(End::Lost) => lost = true,
                Err(error) => {
                    // A reader that died owns messages that nobody will finish: begin anew.
                    tracing::error!(event = "reader_failed", flow = %shared.flow, edge = %shared.edge, %error);
                    readers.abort_all();
                }
            }
        }
        if !lost {
            claim.release().await;
        }
        if stop.is_cancelled() {
            break;
        }
    }
}
