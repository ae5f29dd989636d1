//! One request: from the path to the answer.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;
use vrsky_plan::program::Decode;

use super::listener::Listener;
use super::routes::Route;
use super::{identity, signature};
use crate::connectors::inlet::Inlet;
use crate::connectors::records::Records;
use crate::intake::Refused;

/// How long a client may take to send its body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How many messages of one body wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 64;
/// How much of a refused body is read, so that the client sees the answer.
const DISCARD: usize = 1024 * 1024;

/// A refusal: status, text, and seconds for `Retry-After`.
struct Refusal {
    status: StatusCode,
    text: String,
    retry_after: Option<u32>,
}

/// Takes one request in.
pub(super) async fn answer(listener: &Listener, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let route = listener
        .below(head.uri.path())
        .and_then(|path| listener.routes().find(path));
    let Some(route) = route else {
        discard(body).await;
        return refuse(&Refusal::new(StatusCode::NOT_FOUND, "not found"));
    };
    if head.method != route.method {
        discard(body).await;
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "another method is expected");
        let mut response = refuse(&refusal);
        if let Ok(method) = HeaderValue::from_str(route.method.as_str()) {
            response.headers_mut().insert(ALLOW, method);
        }
        return response;
    }
    match take_in(listener, &route, &head.headers, body).await {
        Ok(id) => respond(StatusCode::ACCEPTED, &json!({"id": id})),
        Err(refusal) => refuse(&refusal),
    }
}

/// Reads, verifies and stores. The result is the id.
async fn take_in(
    listener: &Listener,
    route: &Route,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    // The token keeps the source from stopping before this request is answered.
    let Some((inlet, _token)) = route.enter() else {
        discard(body).await;
        return Err(Refusal::later("the flow is not running", 10));
    };
    if let Some(refusal) = unreadable(route, headers) {
        discard(body).await;
        inlet.refused(&refusal.text);
        return Err(refusal);
    }
    let length = content_length(headers)
        .unwrap_or(route.limit)
        .min(route.limit);
    let permits = u32::try_from(length).unwrap_or(u32::MAX);
    let reading = async {
        let room = listener
            .body_bytes()
            .clone()
            .acquire_many_owned(permits)
            .await;
        (read(body, length, route.limit).await, room)
    };
    let Ok((bytes, _room)) = timeout(BODY_PATIENCE, reading).await else {
        return Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not come in time",
        ));
    };
    let bytes = bytes.inspect_err(|refusal| inlet.refused(&refusal.text))?;
    verify(route, headers, &bytes, &inlet)?;
    let id = identity::id(route.verify.as_ref(), headers);
    let messages = messages(route, &id, headers, bytes)?;
    store(&inlet, messages).await?;
    Ok(id)
}

/// What the headers alone rule out.
fn unreadable(route: &Route, headers: &HeaderMap) -> Option<Refusal> {
    let encoded = |value: &HeaderValue| {
        !value.is_empty() && !value.as_bytes().eq_ignore_ascii_case(b"identity")
    };
    if headers.get_all(CONTENT_ENCODING).iter().any(encoded) {
        let text = "a body without Content-Encoding is expected";
        return Some(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    content_length(headers)
        .is_some_and(|length| length > route.limit)
        .then(|| Refusal::too_large(route.limit))
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body, of which no more than `limit` is kept.
async fn read(body: Body, expected: usize, limit: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::with_capacity(expected.min(64 * 1024));
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        let Ok(chunk) = chunk else {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "the body is broken off",
            ));
        };
        if bytes.len() + chunk.len() > limit {
            discard(Body::from_stream(body)).await;
            return Err(Refusal::too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

fn verify(route: &Route, headers: &HeaderMap, body: &[u8], inlet: &Inlet) -> Result<(), Refusal> {
    let Some(verify) = &route.verify else {
        return Ok(());
    };
    let secret = route
        .secrets
        .read(route.flow.namespace(), verify.secret())
        .map_err(|error| {
            inlet.trouble(verify.path(), &error.to_string());
            Refusal::later("the flow is not running", 10)
        })?;
    let now = Timestamp::now().as_second();
    signature::check(verify, secret.expose(), headers, body, now).map_err(|text| {
        inlet.refused(text);
        Refusal::new(StatusCode::UNAUTHORIZED, text)
    })
}

/// Ids, metadata and payloads. A body of several messages is refused as a whole.
fn messages(
    route: &Route,
    id: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Vec<(String, Value, Bytes)>, Refusal> {
    let mut metadata = identity::metadata(headers);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the body is empty"));
    }
    if route.decode == Decode::Json {
        metadata.insert("id", json!(id));
        return Ok(vec![(id.to_owned(), json!(metadata), body)]);
    }
    let mut messages = Vec::new();
    for (index, record) in Records::new(route.decode, &body[..], route.max_payload).enumerate() {
        let record =
            record.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body cannot be read"))?;
        let payload = record
            .payload
            .ok_or_else(|| Refusal::too_large(route.max_payload))?;
        let id = format!("{id}-{}", index + 1);
        metadata.insert("id", json!(id));
        metadata.insert("line", json!(record.line));
        messages.push((id, json!(metadata), payload));
    }
    Ok(messages)
}

/// Stores all of them in order, or says why not: then some may be stored, and come again with the same
/// ids when the sender repeats the request with its id.
async fn store(inlet: &Inlet, messages: Vec<(String, Value, Bytes)>) -> Result<(), Refusal> {
    let stores = messages
        .into_iter()
        .map(|(id, metadata, payload)| async move { inlet.store(&id, &metadata, payload).await });
    let result: Result<(), Refused> = stream::iter(stores)
        .buffered(IN_FLIGHT)
        .try_for_each(|()| async { Ok(()) })
        .await;
    result.map_err(|refused| match refused {
        Refused::Full => Refusal::later(&refused.to_string(), 2),
        Refused::Unavailable => Refusal::later(&refused.to_string(), 1),
        Refused::TooLarge { limit } => {
            inlet.refused(&refused.to_string());
            Refusal::too_large(limit)
        }
    })
}

/// Reads a body that nobody wants, within bounds: a client that still sends sees no answer.
async fn discard(body: Body) {
    let mut left = DISCARD;
    let mut body = body.into_data_stream();
    let reading = async {
        while let Some(Ok(chunk)) = body.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    let _given_up = timeout(Duration::from_secs(5), reading).await;
}

impl Refusal {
    fn new(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            text: text.to_owned(),
            retry_after: None,
        }
    }

    fn later(text: &str, seconds: u32) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry_after: Some(seconds),
            ..Self::new(status, text)
        }
    }

    fn too_large(limit: usize) -> Self {
        let text = format!("more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, &text)
    }
}

fn refuse(refusal: &Refusal) -> Response {
    let mut response = respond(refusal.status, &json!({"error": refusal.text}));
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
