//! The JetStream API of one account, as far as it is needed here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Error;

/// How long a call may take. Creating a replicated stream is the slowest.
const ANSWER: Duration = Duration::from_secs(10);
/// Error codes of nats-server for "there is none".
const STREAM_NOT_FOUND: u64 = 10059;
const CONSUMER_NOT_FOUND: u64 = 10014;
/// "JetStream not enabled for account".
const NOT_ENABLED: u64 = 10039;
/// "error creating store for stream".
const NO_STORE: u64 = 10049;
/// How long a new account may take until it has storage, and the pause between two looks.
const ENABLED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// JetStream in one account, with all rights in it.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) context: jetstream::Context,
}

/// A stream as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: stream::Config,
    pub(crate) state: StreamState,
}

/// What a stream holds.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamState {
    /// Messages by subject, for the filter that was asked for.
    #[serde(default)]
    pub(crate) subjects: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct SubjectPage {
    /// Subjects in all; absent where there are none.
    #[serde(default)]
    total: usize,
    state: StreamState,
}

/// A consumer as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct ConsumerInfo {
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct ConsumerPage {
    total: usize,
    #[serde(default)]
    consumers: Option<Vec<ConsumerInfo>>,
}

#[derive(Deserialize)]
struct Purged {
    purged: u64,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl Api {
    pub(crate) fn new(client: async_nats::Client) -> Self {
        let mut context = jetstream::new(client);
        context.set_timeout(ANSWER);
        Self { context }
    }

    /// Whether the server can be reached at the moment.
    pub(crate) fn is_connected(&self) -> bool {
        self.context.client().connection_state() == async_nats::connection::State::Connected
    }

    /// A stream with the number of messages per subject under `subjects`; `None` if there is none.
    pub(crate) async fn stream(
        &self,
        name: &str,
        subjects: &str,
    ) -> Result<Option<StreamInfo>, Error> {
        let body = json!({"subjects_filter": subjects});
        self.find(format!("STREAM.INFO.{name}"), &body).await
    }

    /// All subjects under a filter on which something lies, with the number of messages; `None` if
    /// there is no such stream. The server tells 100,000 at once.
    pub(crate) async fn subjects(
        &self,
        name: &str,
        filter: &str,
    ) -> Result<Option<BTreeMap<String, u64>>, Error> {
        let mut subjects = BTreeMap::new();
        loop {
            let body = json!({"subjects_filter": filter, "offset": subjects.len()});
            let page: Option<SubjectPage> = self.find(format!("STREAM.INFO.{name}"), &body).await?;
            let Some(page) = page else { return Ok(None) };
            let before = subjects.len();
            subjects.extend(page.state.subjects);
            // What came or went between two pages is seen the next time.
            if subjects.len() == before || subjects.len() >= page.total {
                return Ok(Some(subjects));
            }
        }
    }

    /// In a cluster the leader may hear of a new account after the servers have taken its token, and
    /// a server calls storage enabled before it has tried out the account's folder, which it removes
    /// again (`EnableJetStream` of nats-server 2.15.2): a stream that comes in between has no place.
    /// So this waits a while for the account's storage.
    pub(crate) async fn create_stream(&self, config: &stream::Config) -> Result<(), Error> {
        let deadline = Instant::now() + ENABLED;
        loop {
            let subject = format!("STREAM.CREATE.{}", config.name);
            match self.call::<Value>(subject, &json!(config)).await {
                Err(Error::Refused {
                    code: NOT_ENABLED | NO_STORE,
                    ..
                }) if Instant::now() < deadline => tokio::time::sleep(LOOK).await,
                done => return done.map(drop),
            }
        }
    }

    pub(crate) async fn update_stream(&self, config: &stream::Config) -> Result<(), Error> {
        let subject = format!("STREAM.UPDATE.{}", config.name);
        self.call::<Value>(subject, &json!(config)).await.map(drop)
    }

    /// True if it was there.
    pub(crate) async fn delete_stream(&self, name: &str) -> Result<bool, Error> {
        let found: Option<Value> = self
            .find(format!("STREAM.DELETE.{name}"), &json!({}))
            .await?;
        Ok(found.is_some())
    }

    /// Removes all messages under a subject; how many there were.
    pub(crate) async fn purge(&self, stream: &str, subject: &str) -> Result<u64, Error> {
        let body = json!({"filter": subject});
        let found: Option<Purged> = self.find(format!("STREAM.PURGE.{stream}"), &body).await?;
        Ok(found.map_or(0, |answer| answer.purged))
    }

    /// The names of a stream's consumers; none if there is no such stream.
    pub(crate) async fn consumers(&self, stream: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        loop {
            let body = json!({"offset": names.len()});
            let page: Option<ConsumerPage> =
                self.find(format!("CONSUMER.LIST.{stream}"), &body).await?;
            let Some(page) = page else { break };
            let consumers = page.consumers.unwrap_or_default();
            let last = consumers.is_empty();
            names.extend(consumers.into_iter().map(|consumer| consumer.name));
            if last || names.len() >= page.total {
                break;
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) async fn create_consumer(
        &self,
        stream: &str,
        name: &str,
        filter: &str,
        config: &Value,
    ) -> Result<(), Error> {
        let subject = format!("CONSUMER.CREATE.{stream}.{name}.{filter}");
        let body = json!({"stream_name": stream, "action": "create", "config": config});
        self.call::<Value>(subject, &body).await.map(drop)
    }

    /// True if it was there.
    pub(crate) async fn delete_consumer(&self, stream: &str, name: &str) -> Result<bool, Error> {
        let subject = format!("CONSUMER.DELETE.{stream}.{name}");
        let found: Option<Value> = self.find(subject, &json!({})).await?;
        Ok(found.is_some())
    }

    /// True if a stream has this consumer.
    pub(crate) async fn has_consumer(&self, stream: &str, name: &str) -> Result<bool, Error> {
        let subject = format!("CONSUMER.INFO.{stream}.{name}");
        let found: Option<ConsumerInfo> = self.find(subject, &json!({})).await?;
        Ok(found.is_some())
    }

    async fn find<T: DeserializeOwned>(
        &self,
        subject: String,
        body: &Value,
    ) -> Result<Option<T>, Error> {
        match self.call(subject, body).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Refused {
                code: STREAM_NOT_FOUND | CONSUMER_NOT_FOUND,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn call<T: DeserializeOwned>(&self, subject: String, body: &Value) -> Result<T, Error> {
        let answer: Value = self
            .context
            .request(subject.clone(), body)
            .await
            .map_err(|error| Error::no_answer(subject.clone(), error))?;
        if let Some(error) = answer.get("error") {
            let failed: Failed =
                serde_json::from_value(error.clone()).map_err(|source| Error::Unreadable {
                    what: format!("the answer to {subject}"),
                    source,
                })?;
            return Err(Error::Refused {
                doing: subject,
                code: if failed.err_code == 0 {
                    failed.code
                } else {
                    failed.err_code
                },
                text: failed.description,
            });
        }
        serde_json::from_value(answer).map_err(|source| Error::Unreadable {
            what: format!("the answer to {subject}"),
            source,
        })
    }
}
