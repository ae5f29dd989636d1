//! Which edges this process reads: all of the program; of a flow with several partitions its share.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrsky_plan::EdgeName;

use super::{Running, report};
use crate::edge::{Edge, Seats, Share};
use crate::stage::Stage;

impl Running {
    /// Takes a seat, if the flow has several partitions.
    pub(super) async fn sit(&mut self, partitions: u32) {
        if let Some(seats) = self.seats.take_if(|seats| seats.partitions != partitions) {
            seats.stop().await;
        }
        if partitions > 1 && self.seats.is_none() {
            let connection = &self.process.connection;
            self.seats = Some(Seats::start(connection, self.status.flow(), partitions));
        }
    }

    /// Starts what is to be read, and ends what is not: at once where another process is to read it,
    /// when it is empty where nobody is.
    pub(super) fn share_out(&mut self) {
        let partitions = self.seats.as_ref().map_or(1, |seats| seats.partitions);
        let share = self.seats.as_ref().map_or(Share::ALL, Seats::share);
        let all: BTreeMap<EdgeName, (bool, &Arc<Stage>)> = self
            .stages
            .iter()
            .flat_map(|(edge, stage)| {
                (0..partitions).map(move |number| {
                    let is_ours = share.has(number);
                    (edge.partition(number), (is_ours, stage))
                })
            })
            .collect();
        for (edge, (is_ours, stage)) in &all {
            if let Some(retiring) = self.retiring.remove(edge) {
                if retiring.stops() {
                    // Begins anew when it has ended; see `retire`.
                    self.retiring.insert(edge.clone(), retiring);
                    continue;
                }
                self.edges.insert(edge.clone(), retiring);
            }
            match (self.edges.get(edge), is_ours) {
                (Some(running), true) => running.swap(Arc::clone(stage)),
                (None, true) => {
                    let connection = &self.process.connection;
                    let started = Edge::start(connection, &self.status, edge, Arc::clone(stage));
                    self.edges.insert(edge.clone(), started);
                }
                (Some(running), false) => running.stop(),
                (None, false) => {}
            }
        }
        let ends = |edge: &EdgeName| !matches!(all.get(edge), Some((true, _)));
        let gone: Vec<_> = self.edges.extract_if(.., |edge, _| ends(edge)).collect();
        self.retiring.extend(gone);
    }

    /// Ends edges that the program has no more, when they are empty.
    pub(super) async fn retire(&mut self) {
        let names: Vec<_> = self.retiring.keys().cloned().collect();
        let mut ended = false;
        for name in names {
            let status = self.status.edge(&name);
            let backlog = report::backlog(&self.process.connection, &status).await;
            let Some(edge) = self.retiring.get(&name) else {
                continue;
            };
            if edge.stopped() {
                self.retiring.remove(&name);
                self.status.forget_edge(&name);
                ended = true;
            } else if backlog == Some(0) {
                edge.stop();
            }
        }
        // It may be this process's again.
        if ended {
            self.share_out();
        }
    }
}
