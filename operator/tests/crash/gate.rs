//! One life of an operator: every write that it makes is counted here, and at one of them it dies.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// When an operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// At its n-th write, counted from one and from [`Gate::arm`].
    pub(crate) at: usize,
    pub(crate) side: Side,
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
}

/// Counts, and cuts.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    died: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    writes: Vec<String>,
    cut: Option<Cut>,
    dead: bool,
}

impl Gate {
    /// From now on writes count anew, and it dies at the cut.
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
        match inner.cut {
            Some(cut) if cut.at == inner.writes.len() => {
                inner.dead = true;
                drop(inner);
                match cut.side {
                    Side::Before => {
                        self.die();
                        Pass::Dead
                    }
                    Side::After => Pass::Last,
                }
            }
            _ => Pass::Go,
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
        self.died.notify_one();
    }

    /// Comes back when it is dead.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
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
