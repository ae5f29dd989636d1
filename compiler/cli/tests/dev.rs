//! `vrsky dev` with a real server and real runtimes.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "dev/running.rs"]
mod running;

use std::fs;
use std::path::Path;
use std::time::Duration;

use running::{Dev, Receiver, initialised, vrsky};
use serde_json::{Value, json};

const ORDERS: &str = "flows/orders.yaml";

fn order(id: &str) -> Value {
    json!({"id": id, "total": 12.5, "status": "paid"})
}

#[test]
fn a_save_takes_effect_a_broken_one_does_not_and_what_ran_goes_on() {
    let folder = initialised();
    let root = folder.path();
    let mut dev = Dev::start(root, &[]);
    dev.post("acme", "/orders", &order("A1"));
    dev.delivered(root, r#"{"order":"A1","total":12.5}"#);

    let good = fs::read_to_string(root.join(ORDERS)).unwrap();
    let edited = good.replace("\"total\": .total}", "\"total\": .total, \"seen\": true}");
    assert_ne!(good, edited);
    fs::write(root.join(ORDERS), &edited).unwrap();
    let applied = dev.wait("applied", |event| event["event"] == "applied");
    assert_eq!(applied["flows"], json!(["acme/orders"]));
    assert_eq!(applied["confirmed"], true);
    dev.post("acme", "/orders", &order("A2"));
    dev.delivered(root, r#"{"order":"A2","seen":true,"total":12.5}"#);

    // Saved as editors do it: a new file takes the place of the old one.
    fs::write(
        root.join("flows/.new"),
        edited
            .replace(".total}", ".totl}")
            .replace(".total,", ".totl,"),
    )
    .unwrap();
    fs::rename(root.join("flows/.new"), root.join(ORDERS)).unwrap();
    let found = dev.wait("diagnostics", |event| {
        event["event"] == "diagnostics" && event["errors"].as_u64() > Some(0)
    });
    let line = 1 + good
        .lines()
        .position(|line| line.contains("\"total\": .total"))
        .unwrap();
    assert_eq!(found["diagnostics"][0]["primary"]["line"], line, "{found}");
    dev.post("acme", "/orders", &order("A3"));
    dev.delivered(root, r#"{"order":"A3","seen":true,"total":12.5}"#);

    // Half a file: nothing is deleted.
    fs::write(root.join(ORDERS), &edited[..edited.len() / 2]).unwrap();
    dev.wait("diagnostics of half a file", |event| {
        event["event"] == "diagnostics"
    });
    dev.post("acme", "/orders", &order("A4"));
    dev.delivered(root, r#"{"order":"A4","seen":true,"total":12.5}"#);

    // A file that is gone is gone.
    fs::remove_file(root.join(ORDERS)).unwrap();
    let removed = dev.wait("the removal", |event| event["event"] == "applied");
    assert_eq!(removed["flows"], json!(["acme/orders (removed)"]));
    dev.stop();
}

#[test]
fn a_save_is_told_once_however_an_editor_writes_it() {
    let folder = initialised();
    let root = folder.path();
    let mut dev = Dev::start(root, &[]);
    let file = root.join(ORDERS);
    let good = fs::read_to_string(&file).unwrap();
    let saves: [fn(&Path, &str); 3] = [
        |file, text| fs::write(file, text).unwrap(),
        // Emptied, and written a moment later.
        |file, text| {
            fs::write(file, "").unwrap();
            std::thread::sleep(Duration::from_millis(60));
            fs::write(file, text).unwrap();
        },
        // Moved away, and written anew.
        |file, text| {
            fs::rename(file, file.with_extension("yaml~")).unwrap();
            std::thread::sleep(Duration::from_millis(60));
            fs::write(file, text).unwrap();
        },
    ];
    for (number, save) in saves.iter().enumerate() {
        let field = format!("\"total\": .total, \"n{number}\": true}}");
        save(&file, &good.replace("\"total\": .total}", &field));
        let applied = dev.wait("applied", |event| event["event"] == "applied");
        assert_eq!(applied["flows"], json!(["acme/orders"]), "{applied}");
    }
    // One more, so that anything late about those before was heard.
    fs::write(&file, format!("{good}# the same\n")).unwrap();
    dev.wait("applied", |event| event["event"] == "applied");
    let heard = dev.stop();
    let applied = heard.matches("\"event\":\"applied\"").count();
    assert_eq!(applied, saves.len() + 1, "{heard}");
}

#[test]
fn one_dev_runs_on_a_folder_its_runtimes_come_back_and_nothing_stays_behind() {
    let folder = initialised();
    let root = folder.path();
    let mut dev = Dev::start(root, &[]);
    let second = vrsky(root, &["dev", "."]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(words.contains(&format!("(pid {})", dev.pid())), "{words}");

    let first = dev.runtime("acme");
    running::kill(first);
    dev.wait("the exit", |event| {
        event["event"] == "runtime" && event["state"] == "exited"
    });
    dev.wait("the next start", |event| {
        event["event"] == "runtime" && event["state"] == "started"
    });
    assert_ne!(dev.runtime("acme"), first);
    dev.post_until_accepted("acme", "/orders", &order("B1"));
    dev.delivered(root, r#"{"order":"B1","total":12.5}"#);

    let url = dev.url("acme");
    let processes = Dev::processes(root);
    assert_eq!(processes.len(), 2, "a server and a runtime");
    dev.stop();
    running::assert_gone(&processes);

    let mut dev = Dev::start(root, &[]);
    assert_eq!(dev.url("acme"), url, "the port was forgotten");
    let processes = Dev::processes(root);
    // Killed, it cannot clean up; the next start does.
    running::kill(dev.pid());
    dev.wait_gone();
    let dev = Dev::start(root, &[]);
    running::assert_gone(&processes);
    dev.stop();
}

#[test]
fn a_restart_keeps_what_waits_and_fresh_forgets_it() {
    let folder = initialised();
    let root = folder.path();
    let text = fs::read_to_string(root.join(ORDERS)).unwrap();
    // A sink that is away: messages wait.
    let closed = running::closed_port();
    let away = text.replace(
        "connector: file\n      with: {path: out/orders.ndjson}",
        &format!("connector: http\n      with: {{url: \"http://127.0.0.1:{closed}/\"}}\n      delivery: {{retries: {{attempts: 50, first: 100ms, max: 1s}}}}"),
    );
    assert_ne!(text, away);
    fs::write(root.join(ORDERS), &away).unwrap();
    let line = 1 + away
        .lines()
        .position(|line| line.contains("archive:"))
        .unwrap();
    let mut dev = Dev::start(root, &[]);
    dev.post("acme", "/orders", &order("C1"));
    let told = dev.wait("the wrong address", |event| {
        event["event"] == "report" && event["lastError"]["at"]["line"].is_u64()
    });
    let at = &told["lastError"]["at"];
    assert!(at["file"].as_str().unwrap().ends_with(ORDERS), "{at}");
    assert!(at["line"].as_u64().unwrap() >= line as u64, "{at}");
    dev.stop();

    let receiver = Receiver::start(200);
    let here = away.replace(&format!("127.0.0.1:{closed}"), &receiver.address());
    fs::write(root.join(ORDERS), &here).unwrap();
    let dev = Dev::start(root, &[]);
    receiver.wait_for(r#""order":"C1""#);
    dev.stop();

    let keys = fs::read(root.join(".vrsky/keys.json")).unwrap();
    Dev::start(root, &[]).stop();
    assert_eq!(fs::read(root.join(".vrsky/keys.json")).unwrap(), keys);
    Dev::start(root, &["--fresh"]).stop();
    assert_ne!(fs::read(root.join(".vrsky/keys.json")).unwrap(), keys);
}

#[test]
fn a_missing_secret_is_told_with_its_line_and_its_coming_is_enough() {
    let folder = initialised();
    let root = folder.path();
    let text = fs::read_to_string(root.join(ORDERS)).unwrap();
    let signed = text.replace(
        "with: {path: /orders}",
        "with: {path: /orders, verify: {github: {secretRef: {name: shop, key: signing}}}}",
    );
    assert_ne!(text, signed);
    fs::write(root.join(ORDERS), &signed).unwrap();
    let line = 1 + signed
        .lines()
        .position(|line| line.contains("secretRef: {name: shop, key: signing}}}}"))
        .unwrap();
    let mut dev = Dev::start(root, &[]);
    let told = dev.wait("the missing secret", |event| {
        event["event"] == "report" && event["state"]["state"] == "blocked"
    });
    assert_eq!(told["at"]["line"], line, "{told}");
    fs::write(
        root.join(".vrsky/secrets.yaml"),
        "acme: {shop: {signing: 'hush-hush'}}",
    )
    .unwrap();
    dev.wait("the secret", |event| {
        event["event"] == "report" && event["state"]["state"] == "running"
    });
    let heard = dev.stop();
    assert!(!heard.contains("hush-hush"), "a secret was printed");
}

#[test]
fn dead_letters_are_listed_shown_redriven_and_dropped() {
    let folder = initialised();
    let root = folder.path();
    let receiver = Receiver::start(400);
    let text = fs::read_to_string(root.join(ORDERS)).unwrap().replace(
        "connector: file\n      with: {path: out/orders.ndjson}",
        &format!(
            "connector: http\n      with: {{url: \"http://{}/\"}}",
            receiver.address()
        ),
    );
    fs::write(root.join(ORDERS), &text).unwrap();
    let mut dev = Dev::start(root, &[]);
    // One after the other: messages under way at once have no order.
    for (count, id) in [(1, "D1"), (2, "D2")] {
        dev.post("acme", "/orders", &order(id));
        dev.wait("the dead letter", |event| {
            event["counters"]["deadLettered"] == count
        });
    }
    let list = || -> Vec<Value> {
        let output = vrsky(root, &["dlq", "ls", "--output", "json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let letters = list();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert_eq!(letters[0]["flow"], "acme/orders");
    assert_eq!(letters[0]["tenant"], "acme");
    let id = |letter: &Value| letter["id"].to_string();
    let shown = vrsky(root, &["dlq", "show", "acme", &id(&letters[0])])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("answered 400") && shown.contains("\"id\": \"D1\""),
        "{shown}"
    );
    let human = vrsky(root, &["dlq", "ls"]).output().unwrap();
    assert!(
        String::from_utf8(human.stdout)
            .unwrap()
            .contains("acme/orders")
    );

    receiver.answer(200);
    let redriven = vrsky(root, &["dlq", "redrive", "acme", &id(&letters[0])])
        .output()
        .unwrap();
    assert!(redriven.status.success(), "{redriven:?}");
    dev.wait("the redriven message", |event| {
        event["counters"]["delivered"]["archive"] == 1
    });
    let dropped = vrsky(root, &["dlq", "drop", "acme", "--all"])
        .output()
        .unwrap();
    assert!(dropped.status.success(), "{dropped:?}");
    assert_eq!(list(), Vec::<Value>::new());
    let gone = vrsky(root, &["dlq", "show", "acme", &id(&letters[1])])
        .output()
        .unwrap();
    assert_eq!(gone.status.code(), Some(2));
    dev.stop();
}
