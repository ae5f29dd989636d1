//! One life of an operator: every write that it makes is counted here, and at one of them it dies, or
//! is told that it failed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// When something happens to an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// At its n-th write, counted from one and from [`Gate::arm`].
    pub(crate) at: usize,
    pub(crate) side: Side,
    pub(crate) fate: Fate,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It dies.
    Dies,
    /// The API server answers that it could not, or NATS that nobody is there, as in a moment in which
    /// one of them starts anew.
    Fails,
}

/// On which side of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It never arrives.
    Before,
    /// It is done, and the operator never learns it.
    After,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It goes on.
    Go,
    /// It is carried out; then whoever sent it is dead.
    Last,
    /// Whoever sent it is dead: nothing happens.
    Dead,
    /// Nothing happens, and that is said.
    Failed,
    /// It is carried out, and the answer says that it failed.
    Unsaid,
}

/// Counts, and cuts.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    struck: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    writes: Vec<String>,
    cut: Option<Cut>,
    dead: bool,
}

impl Gate {
    /// From now on writes count anew, up to the cut.
    pub(crate) fn arm(&self, cut: Cut) {
        let mut inner = self.lock();
        inner.writes.clear();
        inner.cut = Some(cut);
    }

    /// From now on writes count anew.
    pub(crate) fn forget(&self) {
        self.lock().writes.clear();
    }

    /// Somebody wants to write.
    pub(crate) fn enter(&self, what: &str) -> Pass {
        let mut inner = self.lock();
        if inner.dead {
            return Pass::Dead;
        }
        inner.writes.push(what.to_owned());
        let Some(cut) = inner.cut else {
            return Pass::Go;
        };
        if cut.at != inner.writes.len() {
            return Pass::Go;
        }
        inner.dead = cut.fate == Fate::Dies;
        drop(inner);
        match (cut.fate, cut.side) {
            (Fate::Dies, Side::Before) => {
                self.die();
                Pass::Dead
            }
            (Fate::Dies, Side::After) => Pass::Last,
            (Fate::Fails, side) => {
                self.struck.notify_one();
                if side == Side::Before {
                    Pass::Failed
                } else {
                    Pass::Unsaid
                }
            }
        }
    }

    /// Somebody wants to read.
    pub(crate) fn read(&self) -> Pass {
        if self.lock().dead {
            Pass::Dead
        } else {
            Pass::Go
        }
    }

    /// It is dead.
    pub(crate) fn die(&self) {
        self.lock().dead = true;
        // Kept for whoever asks later.
        self.struck.notify_one();
    }

    /// Comes back when the cut was reached.
    pub(crate) async fn struck(&self) {
        self.struck.notified().await;
    }

    /// What was written.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.lock().writes.clone()
    }

    /// How much was written.
    pub(crate) fn count(&self) -> usize {
        self.lock().writes.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
