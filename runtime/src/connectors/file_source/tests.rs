#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vrsky_plan::program::Decode;

use super::Source;
use crate::connectors::inlet::tests::Memory;
use crate::connectors::{Blocked, Context, fixture};
use crate::intake::Refused;

/// A project folder with a folder `in`.
struct Fixture {
    base: TempDir,
    context: Context,
}

/// A source that runs.
struct Running {
    memory: Arc<Memory>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Blocked>>,
}

impl Fixture {
    async fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("in")).unwrap();
        let context = fixture::context(base.path()).await;
        Self { base, context }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.base.path().join(path)
    }

    fn run(
        &self,
        with: Value,
        decode: Decode,
        refusals: impl IntoIterator<Item = Refused>,
    ) -> Running {
        self.run_with_room(with, decode, refusals, usize::MAX)
    }

    #[expect(clippy::needless_pass_by_value, reason = "fixtures read better so")]
    fn run_with_room(
        &self,
        with: Value,
        decode: Decode,
        refusals: impl IntoIterator<Item = Refused>,
        room: usize,
    ) -> Running {
        let source = Source::open(&with, decode, &self.context).unwrap();
        let (memory, inlet) = Memory::inlet();
        memory.refuse(refusals);
        memory.fill_after(room);
        let stop = CancellationToken::new();
        let end = stop.clone();
        let task = tokio::spawn(async move { source.run(inlet, end).await });
        Running { memory, stop, task }
    }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn with() -> Value {
    json!({"folder": "in", "every": "10ms"})
}

async fn wait_for(path: &Path) {
    for _ in 0..1_000 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} does not come", path.display());
}

#[tokio::test]
async fn a_file_is_taken_in_once_and_moved_away() {
    let fixture = Fixture::new().await;
    fs::write(fixture.path("in/a.csv"), "id,name\n1,Ada\n2\n").unwrap();
    fs::write(fixture.path("in/b.txt"), "no").unwrap();
    let with = json!({"folder": "in", "every": "10ms", "pattern": "*.csv"});
    let running = fixture.run(with, Decode::Csv, vec![Refused::Full, Refused::Unavailable]);
    wait_for(&fixture.path("in/.done/a.csv")).await;
    let mut stored = running.memory.stored();
    stored.sort_by_key(|message| message.metadata["line"].as_u64());
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0].payload, r#"{"id":"1","name":"Ada"}"#);
    assert_eq!(stored[1].payload, "row: 2");
    assert_eq!(stored[0].metadata["file"], "a.csv");
    assert_eq!(stored[0].metadata["line"], 2);
    assert_eq!(stored[1].metadata["line"], 3);
    assert_eq!(stored[0].metadata["id"], stored[0].id);
    assert!(fixture.path("in/b.txt").exists());
    assert!(!fixture.path("in/a.csv").exists());
    running.end().await;
}

#[tokio::test]
async fn the_same_file_put_there_again_is_taken_in_again() {
    let fixture = Fixture::new().await;
    let running = fixture.run(with(), Decode::Json, vec![]);
    for round in ["in/.done/a.json", "in/.done/a.json.1"] {
        fs::write(fixture.path("in/a.json"), "{\"a\": 1}").unwrap();
        wait_for(&fixture.path(round)).await;
    }
    let stored = running.memory.stored();
    assert_eq!(stored.len(), 2);
    assert_ne!(stored[0].id, stored[1].id);
    assert_eq!(stored[0].payload, "{\"a\": 1}");
    assert_eq!(stored[0].metadata.get("line"), None);
    running.end().await;
}

#[tokio::test]
async fn after_a_crash_a_file_has_the_same_ids() {
    let fixture = Fixture::new().await;
    fs::write(fixture.path("in/a"), "1\n2\n3\n").unwrap();
    // As if the process had died before it moved the file: nothing is written down.
    let first = fixture.run(with(), Decode::Ndjson, vec![]);
    wait_for(&fixture.path("in/.done/a")).await;
    fs::rename(fixture.path("in/.done/a"), fixture.path("in/a")).unwrap();
    let before = first.memory.stored();
    first.end().await;
    let second = fixture.run(with(), Decode::Ndjson, vec![]);
    let after = second.memory.wait_for(3).await;
    let ids = |messages: &[crate::connectors::inlet::tests::Stored]| {
        messages[..3]
            .iter()
            .map(|message| message.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&after));
    second.end().await;
}

#[tokio::test]
async fn a_stopped_source_goes_on_where_it_was() {
    let fixture = Fixture::new().await;
    let lines: Vec<String> = (1..=2_000).map(|number| number.to_string()).collect();
    fs::write(fixture.path("in/a"), lines.join("\n")).unwrap();
    // The first thousand pass, then the flow is full until the source is stopped.
    let first = fixture.run_with_room(with(), Decode::Ndjson, vec![], 1_000);
    first.memory.wait_for(1_000).await;
    let before = first.memory.clone();
    first.end().await;
    let second = fixture.run(with(), Decode::Ndjson, vec![]);
    wait_for(&fixture.path("in/.done/a")).await;
    let mut numbers: Vec<u64> = before
        .stored()
        .iter()
        .chain(&second.memory.stored())
        .map(|message| {
            std::str::from_utf8(&message.payload)
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2_000).collect::<Vec<_>>());
    assert!(!fixture.path("in/.done/.a.progress").exists());
    second.end().await;
}

#[tokio::test]
async fn links_are_never_followed() {
    let fixture = Fixture::new().await;
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("secret"), "1").unwrap();
    std::os::unix::fs::symlink(other.path().join("secret"), fixture.path("in/link")).unwrap();
    fs::write(fixture.path("in/plain"), "2").unwrap();
    let running = fixture.run(with(), Decode::Json, vec![]);
    wait_for(&fixture.path("in/.done/plain")).await;
    running.end().await;
    assert!(fixture.path("in/link").symlink_metadata().is_ok());
    fs::rename(fixture.path("in"), fixture.path("gone")).unwrap();
    std::os::unix::fs::symlink(other.path(), fixture.path("in")).unwrap();
    let running = fixture.run(with(), Decode::Json, vec![]);
    while running.memory.notes().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let expected = "spec.source.with.folder: in: a link leads out of the project folder";
    assert_eq!(running.memory.notes(), [expected]);
    assert_eq!(running.memory.stored().len(), 0);
    running.end().await;
}

#[tokio::test]
async fn a_missing_folder_is_reported_and_waited_for() {
    let fixture = Fixture::new().await;
    let with = json!({"folder": "late", "every": "10ms", "done": "finished"});
    let running = fixture.run(with, Decode::Json, vec![]);
    while running.memory.notes().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        running.memory.notes(),
        ["spec.source.with.folder: there is no folder late"]
    );
    fs::create_dir(fixture.path("late")).unwrap();
    fs::write(fixture.path("late/a"), "1").unwrap();
    wait_for(&fixture.path("finished/a")).await;
    running.end().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_holds_up_no_other() {
    let fixture = Fixture::new().await;
    fs::write(
        fixture.path("in/a"),
        format!("1\n\"{}\"\n3\n", "x".repeat(5_000)),
    )
    .unwrap();
    let running = fixture.run(with(), Decode::Ndjson, vec![]);
    wait_for(&fixture.path("in/.done/a")).await;
    assert_eq!(running.memory.stored().len(), 2);
    assert_eq!(
        running.memory.notes(),
        ["refused: a, line 2: more than 1000 bytes"]
    );
    running.end().await;
}

#[tokio::test]
async fn folders_outside_the_project_block_the_flow() {
    let fixture = Fixture::new().await;
    let path = |with: Value| {
        Source::open(&with, Decode::Json, &fixture.context)
            .unwrap_err()
            .path
    };
    assert_eq!(
        path(json!({"folder": "/etc"})).unwrap(),
        "spec.source.with.folder"
    );
    assert_eq!(
        path(json!({"folder": "in", "done": "../x"})).unwrap(),
        "spec.source.with.done"
    );
    assert_eq!(
        path(json!({"folder": "in", "done": "in"})).unwrap(),
        "spec.source.with.done"
    );
}
