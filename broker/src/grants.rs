//! Grants by durable sourcing: a consumer on the owner's shared stream, sourced into the reader's
//! transit stream. What a reader holds is remembered in the metadata of its transit stream, in the
//! same write as the source itself, so that a revocation knows its mode even after a crash.

mod revoke;

pub(crate) use revoke::revoke;

use std::collections::BTreeMap;

use async_nats::jetstream::stream::{
    Config, External, Source, StreamConsumerSource, SubjectTransform,
};
use serde_json::{Value, json};
use vrsky_plan::grant::Revocation;
use vrsky_plan::{FlowId, Import, TenantId};

use crate::api::Api;
use crate::{Error, Revoked};

/// Metadata keys of imports: this, then the consumer's name.
const RECORD: &str = "vrsky.import.";
/// The like, of imports whose end is not verified yet.
const ENDING: &str = "vrsky.ending.";
/// The like, of imports that have ended: the audit trail of their grants, until they are granted again.
const ENDED: &str = "vrsky.ended.";
/// So many of those are kept, the newest.
const ENDED_KEPT: usize = 100;
/// Messages on their way to a reader without an acknowledgement, at most.
const MAX_ACK_PENDING: i64 = 1000;

/// An import as the reader's transit stream has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldImport {
    pub(crate) consumer: String,
    pub(crate) owner: TenantId,
    pub(crate) grant: String,
    pub(crate) flow: FlowId,
    pub(crate) revocation: Revocation,
    /// Messages that an end by `Cut` was about to remove, as it noted before.
    counted: u64,
    /// From which subject into which.
    route: (String, String),
}

/// What a reader's transit stream holds.
pub(crate) fn held(config: &Config) -> BTreeMap<String, HeldImport> {
    recorded(config, RECORD)
}

/// What it held, and whose end was not verified: a revocation that was cut short.
pub(crate) fn ending(config: &Config) -> BTreeMap<String, HeldImport> {
    recorded(config, ENDING)
}

fn recorded(config: &Config, prefix: &str) -> BTreeMap<String, HeldImport> {
    let sources = config.sources.iter().flatten();
    let routes: BTreeMap<&str, &Source> = sources
        .filter_map(|source| Some((source.consumer.as_ref()?.name.as_str(), source)))
        .collect();
    config
        .metadata
        .iter()
        .filter_map(|(key, record)| {
            let consumer = key.strip_prefix(prefix)?;
            let mut words = record.split(' ');
            let import = HeldImport {
                consumer: consumer.to_owned(),
                owner: TenantId::new(words.next()?).ok()?,
                grant: words.next()?.to_owned(),
                flow: FlowId::try_from(words.next()?.to_owned()).ok()?,
                revocation: match words.next()? {
                    "cut" => Revocation::Cut,
                    _ => Revocation::Drain,
                },
                counted: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
                route: routes
                    .get(consumer)
                    .map_or_else(Default::default, |source| {
                        let transform = source.subject_transforms.first();
                        transform.map_or_else(Default::default, |transform| {
                            (transform.source.clone(), transform.destination.clone())
                        })
                    }),
            };
            Some((consumer.to_owned(), import))
        })
        .collect()
}

/// Which of the held imports must end: those that the plan no longer has, or has otherwise.
pub(crate) fn ended(held: &BTreeMap<String, HeldImport>, wanted: &[Import]) -> Vec<HeldImport> {
    let stays = |held: &HeldImport| {
        wanted.iter().any(|import| {
            import.consumer.as_str() == held.consumer
                && import.owner_id == held.owner
                && import.filter.as_str() == held.route.0
                && import.into.as_str() == held.route.1
        })
    };
    held.values().filter(|held| !stays(held)).cloned().collect()
}

/// Makes the owner's consumer for an import. It starts with what is published from now on: what was
/// published while nothing was granted is not the reader's.
pub(crate) async fn make_consumer(owner: &Api, import: &Import) -> Result<(), Error> {
    let consumer = import.consumer.as_str();
    let config: Value = json!({
        "name": consumer,
        "durable_name": consumer,
        "deliver_subject": format!("deliver.{consumer}"),
        "deliver_policy": "new",
        "ack_policy": "flow_control",
        "flow_control": true,
        "idle_heartbeat": 1_000_000_000,
        "max_ack_pending": MAX_ACK_PENDING,
        "max_deliver": -1,
        "filter_subject": import.filter.as_str(),
        "replay_policy": "instant",
        // As many as its stream has: with its position, what was published meanwhile would be lost.
        "num_replicas": 0,
    });
    owner
        .create_consumer(
            import.stream.as_str(),
            consumer,
            import.filter.as_str(),
            &config,
        )
        .await
}

/// Sets the sources of a transit stream, and the record of them.
pub(crate) fn set_sources(config: &mut Config, imports: &[&Import]) {
    let mut imports = imports.to_vec();
    imports.sort_by(|left, right| left.consumer.cmp(&right.consumer));
    config.metadata.retain(|key, _| !key.starts_with(RECORD));
    for import in &imports {
        let mode = match import.revocation {
            Revocation::Cut => "cut",
            Revocation::Drain => "drain",
        };
        let record = format!(
            "{} {} {} {mode}",
            import.owner_id, import.grant, import.flow
        );
        config
            .metadata
            .insert(format!("{RECORD}{}", import.consumer), record);
        config
            .metadata
            .remove(&format!("{ENDED}{}", import.consumer));
    }
    let sources: Vec<Source> = imports.into_iter().map(source).collect();
    config.sources = (!sources.is_empty()).then_some(sources);
}

/// Takes sources out of a transit stream. That they end is remembered until it is verified.
fn remove_sources(config: &mut Config, ended: &[HeldImport]) {
    let gone = |name: &str| ended.iter().any(|import| import.consumer == name);
    for import in ended {
        let consumer = &import.consumer;
        if let Some(record) = config.metadata.remove(&format!("{RECORD}{consumer}")) {
            config
                .metadata
                .insert(format!("{ENDING}{consumer}"), record);
        }
    }
    if let Some(sources) = &mut config.sources {
        sources.retain(|source| !source.consumer.as_ref().is_some_and(|by| gone(&by.name)));
    }
    if config.sources.as_ref().is_some_and(Vec::is_empty) {
        config.sources = None;
    }
}

/// Notes how many messages are about to be removed.
fn count(config: &mut Config, import: &HeldImport, messages: u64) {
    let key = format!("{ENDING}{}", import.consumer);
    if let Some(record) = config.metadata.get_mut(&key) {
        let words: Vec<&str> = record.split(' ').take(4).collect();
        *record = format!("{} {messages}", words.join(" "));
    }
}

/// The end of these is verified: what was done is remembered instead, in the same write.
fn conclude(config: &mut Config, ended: &[(HeldImport, Revoked)]) {
    for (import, revoked) in ended {
        let consumer = &import.consumer;
        config.metadata.remove(&format!("{ENDING}{consumer}"));
        let Revoked {
            grant,
            owner,
            flow,
            purged,
            at_ms,
            ..
        } = revoked;
        let record = format!("{owner} {grant} {flow} {purged} {at_ms}");
        config.metadata.insert(format!("{ENDED}{consumer}"), record);
    }
    let metadata = config.metadata.iter();
    let records = metadata.filter(|(key, _)| key.starts_with(ENDED));
    let mut by_age: Vec<(u64, String)> = records
        .map(|(key, record)| {
            let at_ms = record.rsplit(' ').next().and_then(|it| it.parse().ok());
            (at_ms.unwrap_or_default(), key.clone())
        })
        .collect();
    by_age.sort_unstable();
    let too_many = by_age.len().saturating_sub(ENDED_KEPT);
    for (_, key) in by_age.into_iter().take(too_many) {
        config.metadata.remove(&key);
    }
}

/// Imports of a reader that have ended, as its transit stream remembers them.
pub(crate) fn remembered(config: &Config, reader: &TenantId) -> Vec<Revoked> {
    let records = config.metadata.iter();
    records
        .filter(|(key, _)| key.starts_with(ENDED))
        .filter_map(|(_, record)| {
            let mut words = record.split(' ');
            Some(Revoked {
                owner: TenantId::new(words.next()?).ok()?,
                grant: words.next()?.to_owned(),
                flow: FlowId::try_from(words.next()?.to_owned()).ok()?,
                purged: words.next()?.parse().ok()?,
                at_ms: words.next()?.parse().ok()?,
                reader: reader.clone(),
            })
        })
        .collect()
}

fn source(import: &Import) -> Source {
    let consumer = &import.consumer;
    Source {
        name: import.stream.to_string(),
        external: Some(External {
            api_prefix: format!("grant.{consumer}.API"),
            // As the server gives it back: otherwise every comparison finds a difference.
            delivery_prefix: Some(String::new()),
        }),
        subject_transforms: vec![SubjectTransform {
            source: import.filter.to_string(),
            destination: import.into.to_string(),
        }],
        consumer: Some(StreamConsumerSource::new(
            consumer.as_str(),
            format!("deliver.{consumer}"),
        )),
        ..Source::default()
    }
}
