//! Streams: what each should be.

use std::time::Duration;

use async_nats::jetstream::stream::{
    Config, ConsumerLimits, DiscardPolicy, RetentionPolicy, StorageType,
};
use vrsky_plan::platform::{LEASES, PROGRAMS, REPORTS};
use vrsky_plan::tenant::{Stream, StreamRole};

use crate::Error;
use crate::api::Api;

/// Within which a `Nats-Msg-Id` is taken for a duplicate.
const DUPLICATES: Duration = Duration::from_mins(2);
/// How long a report is kept: longer than a runtime is silent, shorter than people remember.
const REPORT_AGE: Duration = Duration::from_mins(1);

/// What was done to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Nothing,
    Created,
    Updated,
}

/// The streams that belong to no tenant: on three servers where there are three.
pub(crate) async fn make_platform(platform: &Api, servers: u64) -> Result<(), Error> {
    let replicas = if servers >= 3 { 3 } else { 1 };
    for mut wanted in [bucket(PROGRAMS), bucket(LEASES), reports()] {
        wanted.num_replicas = replicas;
        let held = platform
            .stream(&wanted.name, ">")
            .await?
            .map(|info| info.config);
        make(platform, held, |config| overlay(config, &wanted)).await?;
    }
    Ok(())
}

/// Makes a stream what `change` makes of the one that is held, or of a new one. Only the fields that
/// `change` sets are ours; what the server adds to a configuration stays. Never deletes anything.
pub(crate) async fn make(
    api: &Api,
    held: Option<Config>,
    change: impl FnOnce(&mut Config),
) -> Result<Made, Error> {
    match held {
        None => {
            let mut wanted = Config::default();
            change(&mut wanted);
            api.create_stream(&wanted).await?;
            Ok(Made::Created)
        }
        Some(held) => {
            let mut wanted = held.clone();
            change(&mut wanted);
            if wanted == held {
                return Ok(Made::Nothing);
            }
            api.update_stream(&wanted).await?;
            Ok(Made::Updated)
        }
    }
}

/// A tenant's stream, but for its sources.
pub(crate) fn set_tenant_stream(config: &mut Config, stream: &Stream) {
    let replicas = stream.replicas;
    config.name = stream.name.to_string();
    config.subjects.clone_from(&stream.subjects);
    config.retention = RetentionPolicy::Limits;
    config.storage = StorageType::File;
    config.max_bytes = stream.max_bytes;
    config.max_messages = -1;
    config.max_messages_per_subject = stream.max_messages_per_subject;
    config.max_message_size = stream.max_message_size;
    config.max_age = Duration::from_secs(stream.max_age_seconds);
    config.max_consumers = -1;
    config.num_replicas = replicas;
    config.allow_direct = true;
    config.duplicate_window = match stream.max_age_seconds {
        0 => DUPLICATES,
        seconds => DUPLICATES.min(Duration::from_secs(seconds)),
    };
    match stream.role {
        StreamRole::Transit | StreamRole::DeadLetters => {
            // A full stream refuses, so that the source is pushed back; per subject, so that one
            // flow's backlog stops no other flow.
            config.discard = DiscardPolicy::New;
            config.discard_new_per_subject = true;
        }
        StreamRole::Shared => {
            // A reader that lags loses, never the owner.
            config.discard = DiscardPolicy::Old;
            config.discard_new_per_subject = false;
        }
    }
    config.allow_message_ttl = stream.role == StreamRole::DeadLetters;
}

/// A KV bucket: one value a key, and a delete marker where one was removed.
fn bucket(name: &str) -> Config {
    Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        duplicate_window: DUPLICATES,
        ..own_stream()
    }
}

/// The last report of each process on each flow.
fn reports() -> Config {
    Config {
        name: REPORTS.to_owned(),
        subjects: vec!["reports.>".to_owned()],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::Old,
        max_age: REPORT_AGE,
        storage: StorageType::Memory,
        duplicate_window: REPORT_AGE,
        ..own_stream()
    }
}

fn own_stream() -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        max_bytes: -1,
        max_messages: -1,
        max_message_size: -1,
        max_consumers: -1,
        num_replicas: 1,
        allow_direct: true,
        consumer_limits: None::<ConsumerLimits>,
        ..Config::default()
    }
}

/// Sets in `config` what [`bucket`] and [`reports`] decide.
fn overlay(config: &mut Config, wanted: &Config) {
    config.name.clone_from(&wanted.name);
    config.subjects.clone_from(&wanted.subjects);
    config.retention = wanted.retention;
    config.storage = wanted.storage;
    config.max_bytes = wanted.max_bytes;
    config.max_messages = wanted.max_messages;
    config.max_messages_per_subject = wanted.max_messages_per_subject;
    config.max_message_size = wanted.max_message_size;
    config.max_age = wanted.max_age;
    config.max_consumers = wanted.max_consumers;
    config.discard = wanted.discard;
    config.allow_rollup = wanted.allow_rollup;
    config.deny_delete = wanted.deny_delete;
    config.allow_direct = wanted.allow_direct;
    config.duplicate_window = wanted.duplicate_window;
    // Never lowered: a server that is away at the moment comes back.
    config.num_replicas = config.num_replicas.max(wanted.num_replicas);
}
