//! Dead letters: list, show, redrive, drop. With the credentials of the tenant's `support` role and
//! nothing else: every function takes a client that was made from them.

use async_nats::jetstream::{self, stream};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use serde::Serialize;
use vrsky_plan::{FlowId, TenantId, header};

/// One dead letter, without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// By which it is shown, redriven and dropped: its sequence in the stream.
    pub id: u64,
    /// The flow, `<namespace>/<name>`.
    pub flow: String,
    /// The message's id, from the source on.
    pub message: String,
    /// The step or sink that gave up.
    pub step: String,
    /// Its field path.
    pub path: String,
    /// The error, one line.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was redriven before.
    pub redriven: u32,
    /// When it was given up, RFC 3339.
    pub time: String,
    /// The payload's size in bytes.
    pub size: usize,
}

/// One dead letter with everything.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What [`list`] says of it.
    pub letter: DeadLetter,
    /// All its headers, as name and value, sorted.
    pub headers: Vec<(String, String)>,
    /// The payload, as it was when the step failed.
    pub payload: Bytes,
}

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such dead letter (any more).
    #[error("there is no dead letter {0}")]
    NotFound(u64),
    /// It does not say where it came from, so it cannot go back.
    #[error("dead letter {0} does not say which edge it came from")]
    NoEdge(u64),
    /// The broker did not answer, or refused.
    #[error("cannot {doing}: {source}")]
    Broker {
        /// What was being done.
        doing: &'static str,
        /// What the client said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The oldest dead letters, `limit` at most: of one flow, or of all. Oldest first.
pub async fn list(
    client: &Client,
    tenant: &TenantId,
    flow: Option<&FlowId>,
    limit: usize,
) -> Result<Vec<DeadLetter>, Error> {
    let stream = dead_letters(client, tenant).await?;
    let subject = flow.map_or_else(|| "d.>".to_owned(), |flow| format!("d.{}.>", flow.token()));
    let mut letters = Vec::new();
    let mut from = 1;
    while letters.len() < limit {
        match stream
            .direct_get_next_for_subject(subject.as_str(), Some(from))
            .await
        {
            Ok(message) => {
                from = message.sequence + 1;
                letters.push(describe(&message));
            }
            Err(error) if error.kind() == stream::DirectGetErrorKind::NotFound => break,
            Err(error) => return Err(broker("list dead letters", error)),
        }
    }
    Ok(letters)
}

/// One dead letter: headers and payload.
pub async fn show(client: &Client, tenant: &TenantId, id: u64) -> Result<Contents, Error> {
    let message = get(&dead_letters(client, tenant).await?, id).await?;
    let mut headers: Vec<(String, String)> = message
        .headers
        .iter()
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(|value| (name.to_string(), value.to_string()))
        })
        .collect();
    headers.sort();
    Ok(Contents {
        letter: describe(&message),
        headers,
        payload: message.payload,
    })
}

/// Puts the message back onto the edge that it came from, with its attempts at zero and an id of its
/// own (the old one would be swallowed as a duplicate), then removes the dead letter. If that last
/// step fails, a second redrive within two minutes is recognised as the same.
pub async fn redrive(client: &Client, tenant: &TenantId, id: u64) -> Result<DeadLetter, Error> {
    let stream = dead_letters(client, tenant).await?;
    let message = get(&stream, id).await?;
    let letter = describe(&message);
    let edge = text(&message.headers, header::EDGE);
    if edge.is_empty() {
        return Err(Error::NoEdge(id));
    }
    let count = letter.redriven + 1;
    let mut headers = HeaderMap::new();
    for name in [header::MESSAGE, header::METADATA, header::OUTPUT] {
        if let Some(value) = message.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(header::REDRIVEN, count.to_string());
    headers.insert(
        async_nats::header::NATS_MESSAGE_ID,
        format!("{}#redrive{count}", base_id(&letter, id)),
    );
    jetstream::new(client.clone())
        .publish_with_headers(edge, headers, message.payload)
        .await
        .map_err(|error| broker("redrive", error))?
        .await
        .map_err(|error| broker("redrive", error))?;
    delete(&stream, id).await?;
    Ok(letter)
}

/// Removes a dead letter for good.
pub async fn discard(client: &Client, tenant: &TenantId, id: u64) -> Result<DeadLetter, Error> {
    let stream = dead_letters(client, tenant).await?;
    let letter = describe(&get(&stream, id).await?);
    delete(&stream, id).await?;
    Ok(letter)
}

/// The id that a redrive builds on. Letters of one message at several sinks must not share it.
fn base_id(letter: &DeadLetter, id: u64) -> String {
    format!("{}/{}/{id}", letter.message, letter.step)
}

async fn dead_letters(client: &Client, tenant: &TenantId) -> Result<stream::Stream<()>, Error> {
    jetstream::new(client.clone())
        .get_stream_no_info(tenant.dead_letter_stream().as_str())
        .await
        .map_err(|error| broker("open the dead letters", error))
}

async fn get(
    stream: &stream::Stream<()>,
    id: u64,
) -> Result<jetstream::message::StreamMessage, Error> {
    stream
        .direct_get(id)
        .await
        .map_err(|error| match error.kind() {
            stream::DirectGetErrorKind::NotFound => Error::NotFound(id),
            _ => broker("read a dead letter", error),
        })
}

async fn delete(stream: &stream::Stream<()>, id: u64) -> Result<(), Error> {
    stream
        .delete_message(id)
        .await
        .map(drop)
        .map_err(|error| broker("remove a dead letter", error))
}

fn describe(message: &jetstream::message::StreamMessage) -> DeadLetter {
    let number = |name| text(&message.headers, name).parse().unwrap_or(0);
    DeadLetter {
        id: message.sequence,
        flow: text(&message.headers, header::FLOW),
        message: text(&message.headers, header::MESSAGE),
        step: text(&message.headers, header::STEP),
        path: text(&message.headers, header::PATH),
        error: text(&message.headers, header::ERROR),
        attempts: number(header::ATTEMPTS),
        redriven: number(header::REDRIVEN),
        time: text(&message.headers, header::TIME),
        size: message.payload.len(),
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn broker(
    doing: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Broker {
        doing,
        source: source.into(),
    }
}
