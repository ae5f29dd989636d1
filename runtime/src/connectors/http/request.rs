//! From a message to the parts of its request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use serde_json::Value;
use vrsky_expression::{Computed, Message};
use vrsky_types::Type;

use super::config::Config;
use super::text::{self, Text};
use crate::connectors::Blocked;

/// Headers that belong to the connection, or that the sink sets itself.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How requests are made.
#[derive(Debug)]
pub(super) struct Template {
    pub method: Method,
    url: Url,
    path: Vec<Text>,
    query: BTreeMap<String, Text>,
    headers: Vec<(HeaderName, Text)>,
    body: Option<Computed>,
}

/// One request, without credentials.
#[derive(Debug)]
pub(super) struct Parts {
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Template {
    /// Reads the address and compiles the expressions. `path` is that of the parameters.
    pub(super) fn open(config: Config, input: &Type, path: &str) -> Result<Self, Blocked> {
        let url =
            address(&config.url).map_err(|reason| Blocked::at(format!("{path}.url"), reason))?;
        let method = Method::from_bytes(config.method.as_bytes())
            .map_err(|_| Blocked::at(format!("{path}.method"), "it is no method"))?;
        let authorized = config.bearer.is_some() || config.basic.is_some();
        let mut segments = Vec::new();
        for (index, segment) in config.path.into_iter().enumerate() {
            segments.push(Text::compile(
                segment,
                input,
                &format!("{path}.path[{index}]"),
            )?);
        }
        let mut query = BTreeMap::new();
        for (name, value) in config.query {
            let value = Text::compile(value, input, &format!("{path}.query.{name}"))?;
            query.insert(name, value);
        }
        let mut headers = Vec::new();
        for (name, value) in config.headers {
            let path = format!("{path}.headers.{name}");
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Blocked::at(&path, format!("{name:?} is no header name")))?;
            if RESERVED.contains(&header.as_str()) || (header == AUTHORIZATION && authorized) {
                return Err(Blocked::at(
                    &path,
                    format!("the connector sets {header} itself"),
                ));
            }
            headers.push((header, Text::compile(value, input, &path)?));
        }
        let body = match config.body {
            Some(body) => Some(text::compile(&body, input, &format!("{path}.body"))?),
            None => None,
        };
        Ok(Self {
            method,
            url,
            path: segments,
            query,
            headers,
            body,
        })
    }

    /// The request for one message. The error says why there is none: it will never be different.
    pub(super) fn parts(&self, message: &mut Message) -> Result<Parts, String> {
        let url = self.url(message)?;
        let (body, content_type) = self.body(message)?;
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in &self.headers {
            let value = value
                .of(message)
                .map_err(|reason| format!("header {name}: {reason}"))?;
            let Some(value) = value else { continue };
            let value = HeaderValue::from_str(&value)
                .map_err(|_| format!("header {name}: only printable ASCII can be sent"))?;
            headers.insert(name, value);
        }
        Ok(Parts { url, headers, body })
    }

    /// Where requests go: scheme, host, and port if it is not the usual one.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn url(&self, message: &mut Message) -> Result<Url, String> {
        let mut url = self.url.clone();
        for (index, segment) in self.path.iter().enumerate() {
            let refuse = |reason: &str| format!("path[{index}]: {reason}");
            let text = segment.of(message).map_err(|reason| refuse(&reason))?;
            let text = match text.as_deref() {
                None | Some("") => return Err(refuse("a path segment is empty")),
                Some("." | "..") => return Err(refuse("a path segment leads elsewhere")),
                // URLs drop tabs and line breaks: two dots with one between would lead elsewhere too.
                Some(text) if text.contains(char::is_control) => {
                    return Err(refuse("a path segment has control characters"));
                }
                Some(text) => text,
            };
            let mut segments = url
                .path_segments_mut()
                .map_err(|()| refuse("the address has no path"))?;
            segments.pop_if_empty().push(text);
        }
        for (name, value) in &self.query {
            let value = value
                .of(message)
                .map_err(|reason| format!("query {name}: {reason}"))?;
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        Ok(url)
    }

    /// The body and its type. GET has a body only where the Flow asks for one.
    fn body(&self, message: &mut Message) -> Result<(Bytes, Option<&'static str>), String> {
        let value = match &self.body {
            Some(body) => text::value(body, message).map_err(|reason| format!("body: {reason}"))?,
            None if self.method == Method::GET => return Ok((Bytes::new(), None)),
            None => {
                let json = serde_json::to_vec(&message.payload);
                let json = json.map_err(|_| "the message has no JSON".to_owned())?;
                return Ok((json.into(), Some("application/json")));
            }
        };
        match value {
            Value::String(text) => Ok((text.into(), Some("text/plain; charset=utf-8"))),
            value => Ok((value.to_string().into(), Some("application/json"))),
        }
    }
}

/// Checks an address as written in the Flow.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("the address cannot be read: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("the address must begin with http:// or https:// and have a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials belong in basic or bearer, not in the address".to_owned());
    }
    if url.fragment().is_some() {
        return Err("the address must have no fragment".to_owned());
    }
    Ok(url)
}
