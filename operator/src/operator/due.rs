//! When the next thing is to be done.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A burst of changes is taken as one: this long without another, but no longer than the second.
pub(super) const QUIET: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_millis(200);

/// When the next thing is due, if any is.
pub(super) struct Due {
    at: Option<Instant>,
    since: Option<Instant>,
}

impl Due {
    pub(super) fn never() -> Self {
        Self {
            at: None,
            since: None,
        }
    }

    pub(super) fn now() -> Self {
        Self {
            at: Some(Instant::now()),
            since: None,
        }
    }

    pub(super) fn is_never(&self) -> bool {
        self.at.is_none()
    }

    /// After a moment of quiet, but not put off for ever.
    pub(super) fn soon(&mut self) {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let quiet = (now + QUIET).min(since + PATIENCE);
        // A pause after a failure is cut short: something has changed.
        self.at = Some(quiet);
    }

    pub(super) fn after(&mut self, pause: Duration) {
        self.by(Instant::now() + pause);
    }

    /// Then, if not before.
    pub(super) fn by(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    pub(super) async fn come(&self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
