//! Messages of a tenant in a cluster, with the rights of its people: looked at on their way by
//! `kubectl vrsky tap`; given up, and listed, shown, sent on their way again and dropped by
//! `kubectl vrsky dlq`; and out of reach for everybody else.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::installed::{Installed, SOON};
use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Answer, Receiver, program, warehouse};

/// `vrsky dlq … --cluster -n <namespace>`, which is what `kubectl vrsky dlq …` runs.
fn dlq(person: &Kubectl, namespace: &str, arguments: &[&str]) -> Output {
    vrsky(
        person,
        namespace,
        &[&["dlq", "--cluster"], arguments].concat(),
    )
}

/// `vrsky tap flow/orders`.
fn tap(person: &Kubectl, namespace: &str, arguments: &[&str]) -> Output {
    vrsky(
        person,
        namespace,
        &[&["tap", "flow/orders"], arguments].concat(),
    )
}

fn vrsky(person: &Kubectl, namespace: &str, arguments: &[&str]) -> Output {
    Command::new(program::vrsky().unwrap())
        .args(arguments)
        .arg("--output=json")
        .args((!namespace.is_empty()).then(|| format!("--namespace={namespace}")))
        .arg("--kubeconfig")
        .arg(person.kubeconfig())
        .output()
        .unwrap()
}

fn done(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn refused(output: &Output, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(why), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_tenant_see_what_passes_and_redrive_what_was_given_up() {
    let installed = Installed::fresh().await.unwrap();
    let receiver = Receiver::listen(&installed.host(), false).await.unwrap();
    installed.tenant("acme", "").unwrap();
    installed.namespace("globex").unwrap();
    let kubectl = installed.kubectl();
    kubectl.apply(&warehouse::flow(&receiver, "[]")).unwrap();
    installed.ready("acme", "flow/orders").await.unwrap();
    let eve = kubectl.as_person("eve", "edit", "acme").unwrap();
    let bob = kubectl.as_person("bob", "view", "acme").unwrap();
    let mallory = kubectl.as_person("mallory", "edit", "globex").unwrap();

    // The warehouse thinks for long, and refuses then.
    let refusal = Answer {
        delay: Duration::from_secs(8),
        ..Answer::status(400)
    };
    receiver.answer(warehouse::PATH, refusal);
    let service = installed.service("acme", "vrsky-runtime").unwrap();
    let poster = Poster::to(format!("{service}/acme/orders"));
    warehouse::post(&poster, 0..3).await.unwrap();

    // On their way they are seen, as often as wanted: their looks, and their values by asking for them.
    let seen = done(&tap(&eve, "acme", &["--count=3"]));
    let payloads = seen.as_array().unwrap().iter().map(|it| &it["payload"]);
    assert_eq!(
        payloads.collect::<Vec<_>>(),
        vec![&json!({"id": "string"}); 3]
    );
    assert!(!seen.to_string().contains(&Order(0).id()), "{seen:#}");
    let seen = done(&tap(&eve, "acme", &["--count=3", "--edge=in", "--reveal"]));
    let ids = seen.as_array().unwrap().iter();
    let ids = ids.map(|it| it["payload"]["id"].as_str().unwrap().to_owned());
    assert_eq!(ids.collect::<BTreeSet<_>>(), warehouse::ids(0..3));
    refused(&tap(&bob, "acme", &[]), "nothing is shown without an Event");
    refused(&tap(&mallory, "acme", &[]), "you may not see flows");
    refused(
        &tap(&mallory, "globex", &[]),
        "there is no flow orders in globex",
    );
    // Who looked can be read on the flow.
    let events = kubectl.get(&["events", "-n", "acme", "--field-selector=reason=Tapped"]);
    let events = events.unwrap();
    let mut notes = Vec::new();
    for event in events["items"].as_array().unwrap() {
        assert_eq!(event["involvedObject"]["kind"], "Flow");
        assert_eq!(event["involvedObject"]["name"], "orders");
        notes.push(event["message"].as_str().unwrap());
    }
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "eve looks at up to 3 messages of all edges, without their values",
            "eve looks at up to 3 messages of the edge in, with their values",
        ]
    );

    let listed = || {
        let listed = done(&dlq(&eve, "acme", &["ls"]));
        (listed.as_array()?.len() == 3).then_some(listed)
    };
    let listed = vrsky_e2e::until(SOON, listed).await;
    let listed = listed.unwrap_or_else(|| panic!("{:?}", dlq(&eve, "acme", &["ls"])));
    assert_eq!(listed[0]["tenant"], "acme");
    assert_eq!(listed[0]["flow"], "acme/orders");
    assert!(listed[0]["error"].to_string().contains("400"), "{listed:#}");

    let everywhere = done(&vrsky(kubectl, "", &["dlq", "ls", "--cluster", "-A"]));
    assert_eq!(everywhere, listed);

    // Out of reach for who may only look, and for everybody elsewhere.
    refused(&dlq(&bob, "acme", &["ls"]), "you may not read the Secret");
    refused(
        &dlq(&mallory, "acme", &["ls"]),
        "you may not read the Secret",
    );
    refused(
        &dlq(&mallory, "globex", &["ls"]),
        "no flow of VRSky runs in globex",
    );
    refused(
        &dlq(&eve, "acme", &["ls", "globex"]),
        "acme belongs to the tenant acme, not to globex",
    );

    // One is looked at and dropped, the others go on their way. They were posted side by side, so any
    // may be the first.
    let first = listed[0]["id"].to_string();
    let shown = done(&dlq(&eve, "acme", &["show", "acme", &first]));
    let mut wanted = warehouse::ids(0..3);
    let dropped = shown["payload"]["id"].as_str().unwrap();
    assert!(wanted.remove(dropped), "{shown:#}");
    assert_eq!(shown["payload"], json!({"id": dropped}), "{shown:#}");
    done(&dlq(&eve, "acme", &["drop", "acme", &first]));
    receiver.answer(warehouse::PATH, Answer::status(200));
    done(&dlq(&eve, "acme", &["redrive", "acme", "--all"]));
    let arrived = || (receiver.ids(warehouse::PATH, "id") == wanted).then_some(());
    let arrived = vrsky_e2e::until(SOON, arrived).await;
    arrived.unwrap_or_else(|| panic!("{:?}", receiver.at(warehouse::PATH)));
    assert_eq!(done(&dlq(&eve, "acme", &["ls"])), json!([]));
    installed.clear().unwrap();
}
