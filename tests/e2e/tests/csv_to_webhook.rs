//! Example 03: the rows of a CSV file arrive one by one; the file is done once, also across a restart.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use serde_json::json;
use vrsky_e2e::{Dev, Folder, Receiver, Request};

const SOON: Duration = Duration::from_secs(20);

fn sorted(mut requests: Vec<Request>) -> Vec<serde_json::Value> {
    requests.sort_by_key(|request| request.json()["name"].to_string());
    requests.iter().map(Request::json).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_a_file_arrive_once() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("03-csv-to-webhook", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let sample = folder.read("samples/fair.csv").unwrap();
    folder.write("inbox/fair.csv", &sample).unwrap();
    let arrived = receiver.wait_at("/hooks/contacts", 3, SOON).await.unwrap();
    let expected = [
        json!({"name": "Globex", "email": "hello@globex.example", "employees": 5000}),
        json!({"name": "Müller, Söhne & Co", "email": "info@mueller.example", "employees": 240}),
        json!({"name": "The \"Quoted\" Company", "email": "quotes@quoted.example", "employees": 10}),
    ];
    let mut expected = expected.to_vec();
    expected.sort_by_key(|contact| contact["name"].to_string());
    assert_eq!(sorted(arrived), expected);
    let moved = || {
        folder
            .path()
            .join("inbox/.done/fair.csv")
            .is_file()
            .then_some(())
    };
    vrsky_e2e::until(SOON, moved)
        .await
        .expect("the file is moved when it is done");
    let report = vrsky_e2e::until(SOON, || {
        dev.report("acme/contacts")
            .filter(|report| report.counters.dead_lettered == 1)
    });
    report
        .await
        .expect("the row without a number is a dead letter");
    let letters = dev.dead_letters("acme").await.unwrap();
    assert!(
        letters[0].letter.error.contains("employees"),
        "{}",
        letters[0].letter.error
    );
    assert!(dev.stop().unwrap().success());

    // The same folder again: nothing comes twice, a new file comes.
    let dev = Dev::start(folder.path()).await.unwrap();
    folder
        .write(
            "inbox/later.csv",
            "name,email,employees\nLater,l@later.example,11\n",
        )
        .unwrap();
    let arrived = receiver.wait_at("/hooks/contacts", 4, SOON).await.unwrap();
    assert_eq!(arrived.len(), 4);
    assert_eq!(arrived[3].json()["name"], "Later");
    assert!(dev.stop().unwrap().success());
}
