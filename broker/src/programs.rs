//! Programs in the bucket `programs`: read, written by compare-and-set, removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;
use vrsky_plan::platform::{PROGRAMS, index_key, key_subject, program_key};
use vrsky_plan::report::Index;
use vrsky_plan::{FlowId, Program, TenantId};

use crate::Error;
use crate::api::Api;

/// Beyond so many tenants the whole bucket is read at once.
const MAX_FILTERS: usize = 16;
/// How long the broker may be silent while the bucket is read.
const ANSWER: Duration = Duration::from_secs(10);

/// What lies under one tenant's keys: the key's last token, to what is there.
pub(crate) type Held = BTreeMap<String, Entry>;

/// One key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its revision, which the next write has to name.
    pub(crate) revision: u64,
    /// Its value; `None` for a key that was removed.
    pub(crate) value: Option<Bytes>,
}

/// All programs, by tenant. What cannot be read as a program (an older format) is left out: it will
/// be written anew.
pub(crate) async fn incumbents(
    platform: &Api,
) -> Result<BTreeMap<TenantId, BTreeMap<FlowId, Arc<Program>>>, Error> {
    let mut all: BTreeMap<TenantId, BTreeMap<FlowId, Arc<Program>>> = BTreeMap::new();
    for (tenant, held) in read(platform, None).await? {
        let programs = held.into_values().filter_map(|entry| {
            let program: Program = serde_json::from_slice(&entry.value?).ok()?;
            Some((program.flow.clone(), Arc::new(program)))
        });
        all.insert(tenant, programs.collect());
    }
    all.retain(|_, programs| !programs.is_empty());
    Ok(all)
}

/// What the bucket holds of some tenants; of all, if none are named.
pub(crate) async fn read(
    platform: &Api,
    tenants: Option<&BTreeSet<TenantId>>,
) -> Result<BTreeMap<TenantId, Held>, Error> {
    let doing = "reading programs";
    let filters = match tenants {
        Some(tenants) if tenants.is_empty() => return Ok(BTreeMap::new()),
        Some(tenants) if tenants.len() <= MAX_FILTERS => tenants
            .iter()
            .map(|tenant| format!("$KV.{PROGRAMS}.{tenant}.>"))
            .collect(),
        _ => vec![format!("$KV.{PROGRAMS}.>")],
    };
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::LastPerSubject,
        filter_subjects: filters,
        ..Default::default()
    };
    let mut consumer = platform
        .context
        .get_stream_no_info(format!("KV_{PROGRAMS}"))
        .await
        .map_err(|error| Error::no_answer(doing, error))?
        .create_consumer(config)
        .await
        .map_err(|error| Error::no_answer(doing, error))?;
    let mut all: BTreeMap<TenantId, Held> = BTreeMap::new();
    let pending = consumer
        .info()
        .await
        .map_err(|error| Error::no_answer(doing, error))?
        .num_pending;
    if pending == 0 {
        return Ok(all);
    }
    let mut messages = consumer
        .messages()
        .await
        .map_err(|error| Error::no_answer(doing, error))?;
    loop {
        let message = timeout(ANSWER, messages.next())
            .await
            .map_err(|error| Error::no_answer(doing, error))?
            .ok_or_else(|| Error::no_answer(doing, "the stream ended"))?
            .map_err(|error| Error::no_answer(doing, error))?;
        let info = message
            .info()
            .map_err(|error| Error::no_answer(doing, error))?;
        let (revision, pending) = (info.stream_sequence, info.pending);
        let removed = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get("KV-Operation"))
            .is_some();
        let mut tokens = message.subject.split('.').skip(2);
        if let (Some(tenant), Some(key)) = (tokens.next(), tokens.next())
            && let Ok(tenant) = TenantId::new(tenant)
        {
            let value = (!removed).then(|| message.payload.clone());
            let entry = Entry { revision, value };
            all.entry(tenant).or_default().insert(key.to_owned(), entry);
        }
        if pending == 0 {
            return Ok(all);
        }
    }
}

/// Writes a program unless it is there already; true if it was written.
pub(crate) async fn put(
    platform: &Api,
    tenant: &TenantId,
    program: &Program,
    held: &Held,
) -> Result<bool, Error> {
    let entry = held.get(&program.flow.token());
    let same =
        |value: &Bytes| serde_json::from_slice::<Program>(value).is_ok_and(|held| held == *program);
    if entry
        .and_then(|entry| entry.value.as_ref())
        .is_some_and(same)
    {
        return Ok(false);
    }
    write(
        platform,
        &program_key(tenant, &program.flow),
        &to_bytes(program)?,
        entry,
    )
    .await?;
    Ok(true)
}

/// Writes the index unless it is there already; true if it was written. `held` follows.
pub(crate) async fn put_index(
    platform: &Api,
    tenant: &TenantId,
    index: &Index,
    held: &mut Held,
) -> Result<bool, Error> {
    let entry = held.get("index");
    let value = to_bytes(index)?;
    if entry.and_then(|entry| entry.value.as_ref()) == Some(&value) {
        return Ok(false);
    }
    let revision = write(platform, &index_key(tenant), &value, entry).await?;
    let value = Some(value);
    held.insert("index".to_owned(), Entry { revision, value });
    Ok(true)
}

/// Leaves a delete marker, which watchers see.
pub(crate) async fn remove(
    platform: &Api,
    tenant: &TenantId,
    token: &str,
    entry: &Entry,
) -> Result<(), Error> {
    let key = format!("{tenant}.{token}");
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("KV-Operation", "DEL");
    publish(platform, &key, Bytes::new(), headers, entry.revision)
        .await
        .map(drop)
}

async fn write(
    platform: &Api,
    key: &str,
    value: &Bytes,
    entry: Option<&Entry>,
) -> Result<u64, Error> {
    let revision = entry.map_or(0, |entry| entry.revision);
    let headers = async_nats::HeaderMap::new();
    publish(platform, key, value.clone(), headers, revision).await
}

/// One acknowledged publish that fails if somebody else has written since `revision`; the new one.
async fn publish(
    platform: &Api,
    key: &str,
    value: Bytes,
    mut headers: async_nats::HeaderMap,
    revision: u64,
) -> Result<u64, Error> {
    let doing = || format!("writing {key}");
    headers.insert(
        async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
        revision.to_string(),
    );
    let stored = platform
        .context
        .publish_with_headers(key_subject(PROGRAMS, key), headers, value)
        .await
        .map_err(|error| Error::no_answer(doing(), error))?
        .await
        .map_err(|error| Error::no_answer(doing(), error))?;
    Ok(stored.sequence)
}

fn to_bytes<T: serde::Serialize>(value: &T) -> Result<Bytes, Error> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|source| Error::Unreadable {
            what: "own data as JSON".to_owned(),
            source,
        })
}
