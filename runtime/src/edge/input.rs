//! A message as it lies on an edge.

use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use vrsky_plan::header;

use crate::clock;

/// A message as it lies on an edge. Its payload shares the bytes that came from the server.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The bytes.
    pub(crate) payload: Bytes,
    /// The headers.
    pub(crate) headers: Option<HeaderMap>,
    /// Its sequence in the transit stream: the same for every delivery of it.
    pub(crate) sequence: u64,
    /// Its place in the consumer's deliveries, from 1 without gaps.
    pub(crate) delivery: u64,
    /// When the stream stored it, in nanoseconds since 1970.
    stored: i64,
    /// Where to acknowledge it, and with it all before.
    pub(crate) acknowledge: Subject,
}

impl Input {
    /// Reads what a consumer delivered; `None` for what is no delivery. The reply is
    /// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`,
    /// in newer servers with two tokens (domain, account) before the stream and one at the end.
    pub(crate) fn read(message: Message) -> Option<Self> {
        let acknowledge = message.reply?;
        let tokens = acknowledge.as_str().strip_prefix("$JS.ACK.")?.split('.');
        let count = tokens.clone().count();
        let mut tokens = tokens.skip(match count {
            7 => 3,
            9.. => 5,
            _ => return None,
        });
        let sequence = tokens.next()?.parse().ok()?;
        let delivery = tokens.next()?.parse().ok()?;
        let stored = tokens.next()?.parse().ok()?;
        Some(Self {
            payload: message.payload,
            headers: message.headers,
            sequence,
            delivery,
            stored,
            acknowledge,
        })
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers
            .as_ref()?
            .get(async_nats::HeaderName::from_static(name))
            .map(async_nats::HeaderValue::as_str)
    }

    /// The message's id. What was published by hand has none: its place in the stream is one.
    pub(crate) fn id(&self) -> String {
        self.header(header::MESSAGE)
            .map_or_else(|| format!("sequence-{}", self.sequence), str::to_owned)
    }

    /// Attempts so far, of a message that waited on a lane.
    pub(crate) fn attempts(&self) -> u32 {
        self.number(header::ATTEMPTS).unwrap_or(0)
    }

    /// When a message that waits on a lane is due, in milliseconds since 1970.
    pub(crate) fn due(&self) -> u64 {
        self.number(header::DUE).unwrap_or(0)
    }

    /// The JSON text of `%`: what the source gave, and `id` and `time` where it did not.
    pub(crate) fn metadata(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut object: serde_json::Map<_, _> = self
            .header(header::METADATA)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        object
            .entry("id")
            .or_insert_with(|| serde_json::Value::String(self.id()));
        object
            .entry("time")
            .or_insert_with(|| serde_json::Value::String(clock::text_of_nanoseconds(self.stored)));
        object
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Option<T> {
        self.header(name)?.parse().ok()
    }

    /// Bytes that the message holds in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self
            .headers
            .as_ref()
            .map_or(0, |headers| headers.len() * 96);
        self.payload.len() + headers + 256
    }
}
