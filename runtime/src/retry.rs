//! Pauses between attempts, and the lanes where the long ones are spent.

use std::time::Duration;

use vrsky_plan::Subject;
use vrsky_plan::program::Retries;

/// Pauses shorter than this are waited out in the process.
pub(crate) const IN_PROCESS: Duration = Duration::from_secs(10);

/// The longest pause that another side's wish is granted.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// A subject beside an edge's own, where messages wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Pauses of 10 seconds and more.
    TenSeconds,
    /// Pauses of a minute and more.
    OneMinute,
    /// Pauses of ten minutes and more.
    TenMinutes,
}

impl Lane {
    /// All lanes.
    pub(crate) const ALL: [Self; 3] = [Self::TenSeconds, Self::OneMinute, Self::TenMinutes];

    /// What is appended to the edge's name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::TenSeconds => "-r10s",
            Self::OneMinute => "-r1m",
            Self::TenMinutes => "-r10m",
        }
    }

    /// The lane's subject beside an edge's own.
    pub(crate) fn subject(self, edge: &Subject) -> Subject {
        Subject::new(format!("{edge}{}", self.suffix()))
            .expect("an edge's subject with a suffix is a subject")
    }

    /// The lane for a pause. Lanes are apart so that a long pause holds up no shorter one.
    pub(crate) fn of(pause: Duration) -> Self {
        match pause.as_secs() {
            0..60 => Self::TenSeconds,
            60..600 => Self::OneMinute,
            _ => Self::TenMinutes,
        }
    }
}

/// The pause after `attempts` attempts: doubled each time, with full jitter (a random part of it, see
/// Brooker, "Exponential Backoff And Jitter", 2015), and not shorter than the other side asked for.
pub(crate) fn pause(retries: &Retries, attempts: u32, wish: Option<Duration>) -> Duration {
    let exponent = attempts.saturating_sub(1).min(40);
    let ceiling = retries
        .first_ms
        .saturating_mul(1 << exponent)
        .min(retries.max_ms)
        .max(1);
    let jittered = Duration::from_millis(rand::random_range(0..=ceiling));
    jittered.max(wish.unwrap_or_default().min(LONGEST_WISH))
}

/// The pause before a publish that the broker did not take is tried again.
pub(crate) fn pressure(tries: u32) -> Duration {
    Duration::from_millis((50 << tries.min(6)).min(2_000))
}

#[cfg(test)]
mod tests {
    use super::{Lane, pause};
    use std::time::Duration;
    use vrsky_plan::program::Retries;

    const RETRIES: Retries = Retries {
        attempts: 8,
        first_ms: 100,
        max_ms: 1_000,
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        for _ in 0..200 {
            assert!(pause(&RETRIES, 1, None) <= Duration::from_millis(100));
            assert!(pause(&RETRIES, 3, None) <= Duration::from_millis(400));
            assert!(pause(&RETRIES, 60, None) <= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_wish_of_the_other_side_is_granted_within_reason() {
        let asked = |seconds| pause(&RETRIES, 1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(30), Duration::from_secs(30));
        assert_eq!(asked(u64::MAX), Duration::from_hours(1));
    }

    #[test]
    fn a_longer_pause_waits_in_another_lane() {
        let lane = |seconds| Lane::of(Duration::from_secs(seconds)).suffix();
        assert_eq!(lane(10), "-r10s");
        assert_eq!(lane(60), "-r1m");
        assert_eq!(lane(600), "-r10m");
    }
}
