//! Which of a flow's partitions this process reads, where several processes run the flow.
//!
//! A flow has as many seats as partitions. A seat is a lease like that of an edge: each process takes
//! one, looks every two seconds which others are taken, and knows its share from that alone, so
//! nobody has to hand them out. Two processes that see different seats may want the same partition,
//! or none of them does, until both have looked again; that a partition has one reader at a time is
//! for the lease of its edges to say. How it stops: `stop` lets go of the seat.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;
use vrsky_plan::{EdgeName, FlowId};

use super::lease::{Claim, EXPIRY, Key};
use crate::connection::Connection;

const LOOK: Duration = Duration::from_secs(2);
/// Who has no seat looks more often: there may be messages that nobody reads.
const LOOK_FOR_ONE: Duration = Duration::from_millis(500);

/// The partitions that one process reads: those whose number leaves `place` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    place: u32,
    of: u32,
}

impl Share {
    /// Everything, for who is alone.
    pub(crate) const ALL: Self = Self { place: 0, of: 1 };
    /// Nothing, for who has no seat.
    pub(crate) const NONE: Self = Self { place: 0, of: 0 };

    /// Whether a partition is among them.
    pub(crate) fn has(self, partition: u32) -> bool {
        partition.checked_rem(self.of) == Some(self.place)
    }

    /// The share of who sits on `own`, where these are taken.
    fn of(own: u32, taken: &BTreeSet<u32>) -> Self {
        let count = |seats: usize| u32::try_from(seats).unwrap_or(u32::MAX);
        Self {
            place: count(taken.range(..own).count()),
            of: count(taken.len()),
        }
    }
}

/// A seat of this process, and what it sees of the others.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) partitions: u32,
    share: watch::Receiver<Share>,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

impl Seats {
    /// Looks for a seat, of as many as there are partitions.
    pub(crate) fn start(connection: &Connection, flow: &FlowId, partitions: u32) -> Self {
        let (sender, share) = watch::channel(Share::NONE);
        let stop = CancellationToken::new();
        let room = Room {
            connection: connection.clone(),
            flow: flow.clone(),
            seats: partitions,
            seen: BTreeMap::new(),
        };
        let done = tokio::spawn(room.run(sender, stop.clone()));
        Self {
            partitions,
            share,
            stop,
            done,
        }
    }

    /// What this process is to read now.
    pub(crate) fn share(&self) -> Share {
        *self.share.borrow()
    }

    /// Waits until that is something else.
    pub(crate) async fn changed(&mut self) {
        if self.share.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets go of the seat.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.done.await {
            tracing::error!(event = "seats_failed", %error);
        }
    }
}

/// All seats of a flow.
struct Room {
    connection: Connection,
    flow: FlowId,
    seats: u32,
    /// The revision of each seat that nobody let go of, and when it was first seen.
    seen: BTreeMap<u32, (u64, Instant)>,
}

impl Room {
    async fn run(mut self, share: watch::Sender<Share>, stop: CancellationToken) {
        loop {
            let Some((own, claim)) = self.sit(&stop).await else {
                return;
            };
            tracing::info!(event = "seat_taken", flow = %self.flow, seat = own);
            while !stop.is_cancelled() && !claim.lost.is_cancelled() {
                self.look(Some(own)).await;
                let taken = |seat: &u32| *seat == own || self.is_taken(*seat);
                let taken: BTreeSet<u32> = (0..self.seats).filter(taken).collect();
                let now = Share::of(own, &taken);
                share.send_if_modified(|before| std::mem::replace(before, now) != now);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = claim.lost.cancelled() => {}
                    () = sleep(LOOK) => {}
                }
            }
            if stop.is_cancelled() {
                return claim.release().await;
            }
            share.send_replace(Share::NONE);
        }
    }

    /// Takes the first seat that is free.
    async fn sit(&mut self, stop: &CancellationToken) -> Option<(u32, Claim)> {
        while !stop.is_cancelled() {
            if let Some(found) = self.look(None).await {
                return Some(found);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(LOOK_FOR_ONE) => {}
            }
        }
        None
    }

    /// Looks at all seats but the own; takes a free one if there is none.
    async fn look(&mut self, own: Option<u32>) -> Option<(u32, Claim)> {
        for seat in (0..self.seats).filter(|seat| Some(*seat) != own) {
            let edge = EdgeName::new(format!("seat-{seat}")).expect("a token");
            let mut key = Key::new(&self.connection, &self.flow, &edge);
            let lease = match key.read().await {
                Ok(lease) => lease,
                // As it was seen last: time in which nobody can look does not count.
                Err(reason) => {
                    if let Some((_, first)) = self.seen.get_mut(&seat) {
                        *first = Instant::now();
                    }
                    tracing::debug!(event = "seat_unread", flow = %self.flow, seat, %reason);
                    continue;
                }
            };
            match &lease {
                Some(lease) if !lease.released => {
                    let seen = self
                        .seen
                        .entry(seat)
                        .or_insert((key.revision, Instant::now()));
                    if seen.0 != key.revision {
                        *seen = (key.revision, Instant::now());
                    }
                }
                _ => {
                    self.seen.remove(&seat);
                }
            }
            if own.is_some() || self.is_taken(seat) {
                continue;
            }
            let lease = lease.unwrap_or_default();
            if key.claim(&lease).await {
                return Some((seat, Claim::keep(key, lease.epoch)));
            }
        }
        None
    }

    fn is_taken(&self, seat: u32) -> bool {
        let seen = self.seen.get(&seat);
        seen.is_some_and(|(_, first)| first.elapsed() < EXPIRY)
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeSet, Share};

    #[test]
    fn each_partition_is_wanted_by_one_and_the_shares_differ_by_one_at_most() {
        const PARTITIONS: u32 = 8;
        for mask in 1_u32..1 << PARTITIONS {
            let taken: BTreeSet<u32> = (0..PARTITIONS).filter(|it| mask >> it & 1 == 1).collect();
            let shares: Vec<Share> = taken.iter().map(|own| Share::of(*own, &taken)).collect();
            for partition in 0..PARTITIONS {
                let wanted = shares.iter().filter(|share| share.has(partition)).count();
                assert_eq!(wanted, 1, "{taken:?} {partition}");
            }
            let sizes = shares
                .iter()
                .map(|share| (0..PARTITIONS).filter(|it| share.has(*it)).count());
            let least = sizes.clone().min().unwrap_or_default();
            assert!(sizes.max() <= Some(least + 1), "{taken:?}");
        }
    }

    #[test]
    fn who_has_no_seat_reads_nothing_and_who_is_alone_everything() {
        assert!((0..16).all(|partition| !Share::NONE.has(partition)));
        assert!((0..16).all(|partition| Share::ALL.has(partition)));
    }
}
