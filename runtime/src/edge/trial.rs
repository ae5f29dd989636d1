//! A message that ends the process must not do so for ever.
//!
//! An owner that ended without letting go may have been ended by a message that it had under way.
//! The first time nobody is suspected: processes are killed for many reasons. When the next owner
//! ends too, before it is through with what it had found, the one after it works on these messages
//! one at a time, on the edge and its lanes together, and notes each in the lease before it begins.
//! A message that was noted when three owners ended is written off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vrsky_plan::Lease;

use crate::retry::Lane;

/// So many owners may end with the same message under way.
pub(crate) const ENDS: u32 = 3;
/// Owners that end in a row before messages are worked on one at a time.
const UNCLEAN: u32 = 2;

/// The right to work on a message, of which there is one.
pub(crate) type Turn = OwnedSemaphorePermit;

/// What an owner knows of those before it.
#[derive(Debug)]
pub(crate) struct Trial {
    unclean: u32,
    suspects: BTreeMap<u64, u32>,
    turn: Arc<Semaphore>,
    /// Readers of the edge that are not through with what they found.
    readers: AtomicUsize,
}

impl Trial {
    pub(super) fn new(lease: &Lease) -> Arc<Self> {
        Arc::new(Self {
            unclean: lease.unclean,
            suspects: lease.suspects.clone(),
            turn: Arc::new(Semaphore::new(1)),
            readers: AtomicUsize::new(1 + Lane::ALL.len()),
        })
    }

    /// Whether the owner before let go.
    pub(crate) fn is_clean(&self) -> bool {
        self.unclean == 0
    }

    /// Whether messages are worked on one at a time.
    pub(crate) fn singly(&self) -> bool {
        self.unclean >= UNCLEAN
    }

    /// Whether a message has ended the process too often.
    pub(crate) fn convicts(&self, sequence: u64) -> bool {
        self.suspects.get(&sequence).is_some_and(|n| *n >= ENDS)
    }

    /// Waits until no other message of the edge is under way.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }

    /// One reader is through with what it found.
    pub(crate) fn reader_is_through(&self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether all readers are.
    pub(super) fn is_over(&self) -> bool {
        self.readers.load(Ordering::Relaxed) == 0
    }
}

/// What the owner after `before` writes; it says how that one ended.
pub(super) fn succeed(before: &Lease, process: &str) -> Lease {
    let mut lease = Lease {
        epoch: before.epoch + 1,
        process: process.to_owned(),
        ..Lease::default()
    };
    if before.epoch == 0 || before.released {
        return lease;
    }
    lease.unclean = before.unclean;
    lease.suspects.clone_from(&before.suspects);
    // A process that takes its own lease again has not ended.
    if before.process != process {
        lease.unclean = lease.unclean.saturating_add(1);
        if let Some(sequence) = before.under_way {
            *lease.suspects.entry(sequence).or_default() += 1;
        }
    }
    lease
}

/// All that was found is worked off: nobody is suspected any more.
pub(super) fn acquit(lease: &mut Lease) {
    lease.unclean = 0;
    lease.under_way = None;
    lease.suspects.clear();
}

#[cfg(test)]
mod tests {
    use super::{ENDS, Trial, succeed};
    use vrsky_plan::Lease;

    #[test]
    fn an_owner_that_let_go_leaves_no_suspicion() {
        let before = Lease {
            epoch: 4,
            released: true,
            unclean: 3,
            under_way: Some(7),
            ..Lease::default()
        };
        let lease = succeed(&before, "heir");
        assert_eq!((lease.epoch, lease.unclean), (5, 0));
        assert!(lease.suspects.is_empty());
    }

    #[test]
    fn the_first_owner_of_an_edge_has_no_predecessor() {
        assert!(Trial::new(&succeed(&Lease::default(), "first")).is_clean());
    }

    #[test]
    fn one_end_is_nobodys_fault_and_the_message_of_three_is_convicted() {
        let mut lease = succeed(&Lease::default(), "p0");
        lease = succeed(&lease, "p1");
        assert!(!Trial::new(&lease).singly());
        lease = succeed(&lease, "p2");
        assert!(Trial::new(&lease).singly());
        for end in 0..ENDS {
            assert!(!Trial::new(&lease).convicts(7), "after {end} ends");
            lease.under_way = Some(7);
            lease = succeed(&lease, &format!("p{}", end + 3));
        }
        assert!(Trial::new(&lease).convicts(7));
        assert_eq!(lease.under_way, None);
        assert!(!Trial::new(&lease).convicts(8));
    }

    #[test]
    fn a_process_that_takes_its_own_lease_again_has_not_ended() {
        let mut lease = succeed(&Lease::default(), "p0");
        lease.under_way = Some(7);
        let again = succeed(&lease, "p0");
        assert_eq!((again.epoch, again.unclean), (2, 0));
        assert!(again.suspects.is_empty());
    }
}
