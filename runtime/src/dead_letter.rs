//! What is written of a message that went wrong: a dead letter, or a document for the error branch.

use async_nats::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde_json::{Value, json};
use vrsky_plan::header;

use crate::clock;
use crate::edge::Input;
use crate::stage::{Failed, Stage};
use crate::status::one_line;

/// The id by which the server recognises a publish that it has seen.
pub(crate) const ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
const TTL: HeaderName = HeaderName::from_static("Nats-TTL");

/// The headers of a dead letter; its payload is the input's bytes as they came. `edge` is where a
/// redrive puts the message, `output` the one output that it then has to take, if it got that far.
pub(crate) fn headers(
    stage: &Stage,
    input: &Input,
    failed: &Failed,
    attempts: u32,
    edge: &str,
    output: Option<&str>,
) -> HeaderMap {
    let origin = &stage.program;
    let id = one_line(&input.id());
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: String| {
        headers.insert(HeaderName::from_static(name), value);
    };
    put(header::FLOW, origin.flow.to_string());
    put(
        header::GENERATION,
        format!("{}/{}", origin.generation, origin.hash),
    );
    put(header::STEP, failed.step.clone());
    put(header::PATH, one_line(&failed.path));
    put(header::ERROR, one_line(&failed.error));
    put(header::ATTEMPTS, attempts.max(1).to_string());
    put(header::TIME, clock::now_text());
    put(header::EDGE, edge.to_owned());
    put(header::METADATA, metadata(input));
    if let Some(output) = output {
        put(header::OUTPUT, output.to_owned());
    }
    if let Some(redriven) = input.header(header::REDRIVEN) {
        put(header::REDRIVEN, one_line(redriven));
    }
    headers.insert(ID, format!("{id}/{}/{}", input.sequence, failed.step));
    put_id(&mut headers, id);
    headers.insert(TTL, origin.dead_letter_seconds.max(1).to_string());
    headers
}

fn put_id(headers: &mut HeaderMap, id: String) {
    headers.insert(HeaderName::from_static(header::MESSAGE), id);
}

/// The metadata as one header line.
pub(crate) fn metadata(input: &Input) -> String {
    // JSON escapes control characters, so the text is one line.
    Value::Object(input.metadata()).to_string()
}

/// The document that the error branch gets: the payload as it reached the stage (text where it is no
/// JSON), and what happened. The compiler types the branch by the same shape.
pub(crate) fn error_document(
    stage: &Stage,
    input: &Input,
    failed: &Failed,
    attempts: u32,
) -> Bytes {
    let payload: Value = serde_json::from_slice(&input.payload)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&input.payload).into_owned()));
    let document = json!({
        "flow": stage.program.flow,
        "step": failed.step,
        "path": failed.path,
        "error": failed.error,
        "attempts": attempts.max(1),
        "messageId": input.id(),
        "payload": payload,
    });
    document.to_string().into()
}
