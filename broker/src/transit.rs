//! What lies on the edges of a flow, looked at in passing: nothing is made on the server, taken away or
//! held up. With the credentials of the tenant's `support` role and nothing else.

use async_nats::Client;
use async_nats::jetstream::{self, stream};
use bytes::Bytes;
use vrsky_plan::{FlowId, TenantId, header};

use crate::Error;

/// A message on an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Its sequence in the transit stream.
    pub sequence: u64,
    /// The edge, a partition or a waiting lane of it.
    pub edge: String,
    /// The message's id, from the source on; empty where it has none.
    pub message: String,
    /// When it was put there, in milliseconds since 1970.
    pub at_ms: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// The payload as it is on this edge.
    pub payload: Bytes,
}

/// The first message from a sequence on that lies on an edge of the flow: on `edge`, or on any.
/// `None`: none does now. What comes and is finished between two looks is not seen.
pub async fn next(
    client: &Client,
    tenant: &TenantId,
    flow: &FlowId,
    edge: Option<&str>,
    from: u64,
) -> Result<Option<Passing>, Error> {
    let doing = "looking at messages in transit";
    let stream = jetstream::new(client.clone())
        .get_stream_no_info(tenant.transit_stream().as_str())
        .await
        .map_err(|error| Error::no_answer(doing, error))?;
    let subject = format!("e.{}.{}", flow.token(), edge.unwrap_or(">"));
    let found = stream.direct_get_next_for_subject(subject, Some(from));
    let message = match found.await {
        Ok(message) => message,
        Err(error) if error.kind() == stream::DirectGetErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::no_answer(doing, error)),
    };
    let header = |name: &str| {
        let value = message.headers.get(name);
        value.map_or_else(String::new, ToString::to_string)
    };
    let edge = message.subject.as_str().rsplit('.').next();
    Ok(Some(Passing {
        sequence: message.sequence,
        edge: edge.unwrap_or_default().to_owned(),
        message: header(header::MESSAGE),
        at_ms: u64::try_from(message.time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
        attempts: header(header::ATTEMPTS).parse().unwrap_or(0),
        payload: message.payload,
    }))
}
