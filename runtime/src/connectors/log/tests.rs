#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use serde_json::{Value, json};

use super::Sink;
use crate::connectors::fixture;

async fn line(with: Value, payload: Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let context = fixture::context(folder.path()).await;
    let sink = Sink::open(&with, &context, "spec.sinks.rest").unwrap();
    sink.line(&fixture::message(payload), "m-1")
}

#[tokio::test]
async fn a_line_says_which_message_but_not_what_is_in_it() {
    let text = line(json!({}), json!({"email": "ada@example.com"})).await;
    let mut line: Value = serde_json::from_str(&text).unwrap();
    assert!(
        line.as_object_mut()
            .unwrap()
            .remove("time")
            .unwrap()
            .is_string()
    );
    let expected = json!({"level": "info", "flow": "acme/shop", "sink": "rest", "message": "m-1"});
    assert_eq!(line, expected);
}

#[tokio::test]
async fn named_fields_are_printed_where_they_are() {
    let with = json!({"level": "warn", "fields": ["id", "absent"]});
    let text = line(with, json!({"id": 7, "email": "ada@example.com"})).await;
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "warn");
    assert_eq!(line["fields"], json!({"id": 7}));
}

#[tokio::test]
async fn no_payload_moves_the_cursor_or_makes_a_line() {
    let text = line(
        json!({"fields": ["a"]}),
        json!({"a": "\u{1b}[2J\n\u{9b}2J\u{202e}x"}),
    )
    .await;
    assert!(
        !text.contains(['\u{1b}', '\n', '\u{9b}', '\u{202e}']),
        "{text}"
    );
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["fields"]["a"], "\u{1b}[2J\n\u{9b}2J\u{202e}x");
}
