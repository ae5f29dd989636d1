#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Sink;
use super::appender::Appender;
use crate::connectors::{Outcome, fixture};

async fn open(base: &Path, with: Value) -> Sink {
    let context = fixture::context(base).await;
    Sink::open(&with, &context, "spec.sinks.out").unwrap()
}

fn append(base: &Path, name: &str, max_bytes: Option<u64>, lines: &[&str]) {
    let lines: Vec<Vec<u8>> = lines
        .iter()
        .map(|line| format!("{line}\n").into_bytes())
        .collect();
    Appender::new(base, base.join(name), max_bytes)
        .append(&lines)
        .unwrap();
}

#[tokio::test]
async fn deliveries_at_the_same_time_are_whole_lines_each_once() {
    let base = tempfile::tempdir().unwrap();
    let sink = Arc::new(open(base.path(), json!({"path": "out/deep/a.ndjson"})).await);
    // A second writer, as while a flow's next program takes over.
    let other = Arc::new(open(base.path(), json!({"path": "out/deep/a.ndjson"})).await);
    let deliveries: Vec<_> = (0..500)
        .map(|number| {
            let sink = if number % 2 == 0 {
                sink.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move { sink.deliver(&fixture::message(json!({"n": number}))).await })
        })
        .collect();
    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap(), Outcome::Delivered);
    }
    let text = fs::read_to_string(base.path().join("out/deep/a.ndjson")).unwrap();
    let mut numbers: Vec<i64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["n"]
                .as_i64()
                .unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

#[test]
fn a_torn_line_is_cut_off_before_the_next_is_written() {
    let base = tempfile::tempdir().unwrap();
    for (before, after) in [
        ("", "{\"n\":1}\n"),
        ("{\"a\":1}\n{\"a\":", "{\"a\":1}\n{\"n\":1}\n"),
        ("{\"a\":", "{\"n\":1}\n"),
        ("1\n12", "1\n{\"n\":1}\n"),
        ("{\"a\":1}", "{\"a\":1}\n{\"n\":1}\n"),
    ] {
        fs::write(base.path().join("a"), before).unwrap();
        append(base.path(), "a", None, &["{\"n\":1}"]);
        assert_eq!(
            fs::read_to_string(base.path().join("a")).unwrap(),
            after,
            "{before}"
        );
    }
}

#[test]
fn a_long_torn_line_is_found() {
    let base = tempfile::tempdir().unwrap();
    let before = format!("{{}}\n{{\"a\":\"{}", "x".repeat(300_000));
    fs::write(base.path().join("a"), before).unwrap();
    append(base.path(), "a", None, &["1"]);
    assert_eq!(
        fs::read_to_string(base.path().join("a")).unwrap(),
        "{}\n1\n"
    );
}

#[test]
fn a_file_is_renamed_before_it_grows_too_large() {
    let base = tempfile::tempdir().unwrap();
    append(
        base.path(),
        "a",
        Some(8),
        &["111", "222", "333", "a long line", "4"],
    );
    append(base.path(), "a", Some(8), &["5555555"]);
    let read = |name: &str| fs::read_to_string(base.path().join(name)).unwrap();
    assert_eq!(read("a.1"), "111\n222\n");
    assert_eq!(read("a.2"), "333\n");
    assert_eq!(read("a.3"), "a long line\n");
    assert_eq!(read("a.4"), "4\n");
    assert_eq!(read("a"), "5555555\n");
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_again() {
    let base = tempfile::tempdir().unwrap();
    let sink = open(base.path(), json!({"path": "a"})).await;
    assert_eq!(
        sink.deliver(&fixture::message(json!(1))).await,
        Outcome::Delivered
    );
    fs::rename(base.path().join("a"), base.path().join("b")).unwrap();
    assert_eq!(
        sink.deliver(&fixture::message(json!(2))).await,
        Outcome::Delivered
    );
    assert_eq!(fs::read_to_string(base.path().join("a")).unwrap(), "2\n");
    assert_eq!(fs::read_to_string(base.path().join("b")).unwrap(), "1\n");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_tried_again_later() {
    let base = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(other.path(), base.path().join("link")).unwrap();
    fs::write(base.path().join("plain"), "").unwrap();
    fs::create_dir(base.path().join("folder")).unwrap();
    for path in ["link/a", "plain/a", "folder"] {
        let sink = open(base.path(), json!({"path": path})).await;
        let outcome = sink.deliver(&fixture::message(json!(1))).await;
        assert!(
            matches!(outcome, Outcome::Retry { .. }),
            "{path}: {outcome:?}"
        );
    }
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_path_out_of_the_project_folder_blocks_the_flow() {
    let base = tempfile::tempdir().unwrap();
    let context = fixture::context(base.path()).await;
    for path in ["/tmp/a", "../a", ".vrsky/a", "."] {
        let blocked = Sink::open(&json!({"path": path}), &context, "spec.sinks.out").unwrap_err();
        assert_eq!(
            blocked.path.as_deref(),
            Some("spec.sinks.out.with.path"),
            "{path}"
        );
    }
}
