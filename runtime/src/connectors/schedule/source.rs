use std::time::Duration;

use bytes::Bytes;
use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::connectors::inlet::Inlet;
use crate::connectors::{Blocked, parameters};
use crate::intake::Refused;

/// How long one instant is offered. Less than the two minutes in which the broker knows an id again:
/// an answer that was lost must not make a second message.
const OFFER: Duration = Duration::from_secs(100);
/// The pause before a refused message is offered again.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest sleep: the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(5);

/// Makes a message at every instant of a cron expression.
#[derive(Debug)]
pub(in crate::connectors) struct Source {
    schedule: Schedule,
    payload: Value,
}

/// The instants.
#[derive(Debug)]
pub(super) struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Source {
    pub(in crate::connectors) fn open(with: &Value) -> Result<Self, Blocked> {
        let config: Config = parameters("schedule", with, "spec.source.with")?;
        let schedule = Schedule::new(&config.cron, &config.timezone)?;
        Ok(Self {
            schedule,
            payload: config.payload,
        })
    }

    /// Instants that pass while nothing runs are left out; so are those that the flow, full or cut off
    /// from the broker, did not take within 100 seconds. The others come in order, late if need be.
    pub(in crate::connectors) async fn run(
        &self,
        inlet: Inlet,
        stop: CancellationToken,
    ) -> Result<(), Blocked> {
        let mut after = Timestamp::now();
        loop {
            let Some(instant) = self.schedule.next(after) else {
                inlet.trouble("spec.source.with.cron", "no instant is left");
                stop.cancelled().await;
                return Ok(());
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = until(instant) => {}
            }
            self.fire(instant, &inlet, &stop).await;
            after = instant.max(Timestamp::now() - OFFER);
        }
    }

    /// Offers one instant's message until it is taken. After `stop` it is not offered again.
    async fn fire(&self, instant: Timestamp, inlet: &Inlet, stop: &CancellationToken) {
        let id = format!("schedule-{}", instant.as_second());
        let time = instant.to_string();
        let metadata = json!({"id": id, "time": time});
        let mut payload = self.payload.clone();
        if let Value::Object(fields) = &mut payload {
            fields.insert("time".to_owned(), time.into());
        }
        let payload = Bytes::from(payload.to_string());
        let started = Instant::now();
        while let Some(left) = OFFER.checked_sub(started.elapsed()) {
            let offer = timeout(left, inlet.store(&id, &metadata, payload.clone()));
            let Err(refused) = offer.await.unwrap_or(Err(Refused::Unavailable)) else {
                return;
            };
            if matches!(refused, Refused::TooLarge { .. }) {
                inlet.refused(&refused.to_string());
                return;
            }
            inlet.trouble("spec.source", &refused.to_string());
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
        inlet.refused(&format!(
            "the instant {instant} was left out: the flow did not take it in time"
        ));
    }
}

impl Schedule {
    pub(super) fn new(cron: &str, timezone: &str) -> Result<Self, Blocked> {
        let cron = CronParser::builder()
            .year(Year::Disallowed)
            .build()
            .parse(cron)
            .map_err(|error| {
                Blocked::at(
                    "spec.source.with.cron",
                    format!("{cron:?} is not a cron expression: {error}"),
                )
            })?;
        let zone = TimeZone::get(timezone).map_err(|_| {
            Blocked::at(
                "spec.source.with.timezone",
                format!("{timezone:?} is not a time zone"),
            )
        })?;
        Ok(Self { cron, zone })
    }

    /// The first instant after `after`. None: there is none.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }
}

/// Waits for a moment of the wall clock.
async fn until(instant: Timestamp) {
    loop {
        let left = instant.duration_since(Timestamp::now());
        if left <= SignedDuration::ZERO {
            return;
        }
        sleep(left.unsigned_abs().min(NAP)).await;
    }
}
