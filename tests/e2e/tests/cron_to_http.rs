//! Example 02, at a quicker beat: every second once, with the instant of the schedule.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeSet;
use std::time::Duration;

use vrsky_e2e::{Dev, Folder, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_asked_for_once_a_beat() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("02-cron-to-http", receiver.url()).unwrap();
    folder
        .edit(
            "flow.yaml",
            "cron: 0 7 * * MON-FRI",
            "cron: \"* * * * * *\"",
        )
        .unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let arrived = receiver
        .wait_at("/reports/sales", 4, Duration::from_secs(30))
        .await
        .unwrap();
    let instants: Vec<String> = arrived
        .iter()
        .map(|request| request.headers["x-scheduled-at"].clone())
        .collect();
    let distinct: BTreeSet<&String> = instants.iter().collect();
    assert_eq!(
        distinct.len(),
        instants.len(),
        "an instant fired twice: {instants:?}"
    );
    for request in &arrived {
        let body = request.json();
        assert_eq!(body["report"], "sales");
        assert_eq!(
            body["time"].as_str().unwrap(),
            request.headers["x-scheduled-at"]
        );
    }
    assert!(dev.stop().unwrap().success());
}
