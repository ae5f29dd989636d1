//! The operator is killed just before and just after every write of every scenario. The next one
//! brings everything to where an undisturbed one would have, and the one after it writes nothing. So
//! does one that lives on, where the API server or NATS says of a write that it failed, and did or did not
//! do it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use vrsky_broker::Keys;
use vrsky_plan::TenantId;

use crate::gate::{Cut, Fate, Side};
use crate::lane::{LOOK, Lane, Life, Moment, PATIENCE, stored_keys};
use crate::lock;
use crate::scenarios::{self, Scenario};
use crate::state::{connect, state};

/// Worlds beside each other: most of the time they wait.
const LANES: usize = 4;
/// Of the points of a scenario every so manieth is tried; `VRSKY_CRASH_POINTS=all` tries all.
const STEP: usize = 5;
/// An undisturbed operator has nothing more to do after so long: longer than it waits for a reader
/// that is gone.
const QUIET: Duration = Duration::from_millis(1300);

/// What was seen.
#[derive(Default)]
struct Seen {
    scenarios: usize,
    writes: usize,
    points: usize,
    /// Points that were not reached: the operator had nothing more to write.
    missed: usize,
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_changes_nothing_of_the_end() {
    let keys = Keys::generate().unwrap();
    let only = std::env::var("VRSKY_CRASH_SCENARIO").ok();
    let step = match std::env::var("VRSKY_CRASH_POINTS").ok().as_deref() {
        Some("all") => 1,
        Some(other) => panic!("VRSKY_CRASH_POINTS is `all` or absent, not {other:?}"),
        None => STEP,
    };
    let chosen = scenarios::all();
    let chosen = chosen
        .into_iter()
        .filter(|it| only.as_deref().is_none_or(|only| only == it.name));
    let waiting: Arc<Mutex<VecDeque<Scenario>>> = Arc::new(Mutex::new(chosen.collect()));
    let total = lock(&waiting).len();
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..LANES {
        let (keys, waiting, seen) = (keys.clone(), Arc::clone(&waiting), Arc::clone(&seen));
        lanes.spawn(async move {
            loop {
                let Some(scenario) = lock(&waiting).pop_front() else {
                    return;
                };
                try_scenario(&keys, &scenario, step, &seen).await;
            }
        });
    }
    while let Some(ended) = lanes.join_next().await {
        ended.unwrap();
    }
    let seen = lock(&seen);
    println!(
        "{} scenarios, {} writes, {} crash points tried ({} not reached), {} wrong",
        seen.scenarios,
        seen.writes,
        seen.points,
        seen.missed,
        seen.wrong.len(),
    );
    assert!(seen.wrong.is_empty(), "{}", seen.wrong.join("\n\n"));
    assert_eq!(seen.scenarios, total);
    assert!(only.is_some() || total >= 20, "too few scenarios");
    assert!(
        seen.points > seen.missed * 20,
        "too many points are not reached"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_failed_is_not_told_as_done() {
    let scenario = scenario("grant revoked");
    let keys = Keys::generate().unwrap();
    let (mut lane, start, _folder) = prepare(&keys, &scenario).await;
    let path = "/apis/vrsky.io/v1alpha1/namespaces/acme/grants/orders-for-globex";
    // The consumer's end, the account's, the source's.
    for at in 1..=3 {
        lane.put_back(&start).await;
        let life = lane.start();
        life.ready().await;
        let (side, fate) = (Side::Before, Fate::Fails);
        life.gate.arm(Cut { at, side, fate });
        scenario.change.iter().for_each(|edit| lane.edit(edit));
        let mut told: Vec<String> = Vec::new();
        let began = Instant::now();
        while told.last().is_none_or(|last| last != "Ready Revoked") {
            assert!(began.elapsed() < PATIENCE, "{told:?}");
            let status = &lane.model.get(path).unwrap()["status"];
            let conditions = status["conditions"].as_array().unwrap();
            let of = |kind: &str| conditions.iter().find(|it| it["type"] == kind);
            let is_true = |kind: &str| of(kind).is_some_and(|it| it["status"] == "True");
            let words = match (is_true("Ready"), is_true("Revoked")) {
                _ if status["observedGeneration"] != 2 => "before",
                (true, true) => "Ready Revoked",
                _ => of("Ready").unwrap()["reason"].as_str().unwrap(),
            };
            if told.last().is_none_or(|last| last != words) {
                told.push(words.to_owned());
            }
            tokio::time::sleep(LOOK).await;
        }
        life.kill().await;
        assert_eq!(told, ["before", "Revoking", "Ready Revoked"], "write {at}");
    }
}

/// Who waits for a Topic to be of a generation may look at its flows then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_told_of_after_its_flows() {
    let scenario = scenario("topic changed under its flows");
    let keys = Keys::generate().unwrap();
    let (mut lane, start, _folder) = prepare(&keys, &scenario).await;
    lane.put_back(&start).await;
    let life = lane.start();
    life.ready().await;
    life.gate.forget();
    scenario.change.iter().for_each(|edit| lane.edit(edit));
    life.wrote("a topic has changed").await;
    life.quiet(QUIET).await;
    let writes = life.gate.writes();
    life.kill().await;
    let told = |object: &str| {
        let path = format!("namespaces/acme/{object}/status");
        let told = writes.iter().position(|it| it.ends_with(&path));
        told.unwrap_or_else(|| panic!("{object}: {writes:#?}"))
    };
    assert!(told("flows/shop") < told("topics/orders"), "{writes:#?}");
}

fn scenario(name: &str) -> Scenario {
    let mut scenarios = scenarios::all().into_iter();
    scenarios.find(|it| it.name == name).unwrap()
}

async fn try_scenario(keys: &Keys, scenario: &Scenario, step: usize, seen: &Mutex<Seen>) {
    let began = Instant::now();
    let (mut lane, start, _folder) = prepare(keys, scenario).await;
    // Undisturbed.
    let life = lane.start();
    life.ready().await;
    assert_eq!(
        own_writes(&life),
        Vec::<String>::new(),
        "{}: before",
        scenario.name
    );
    life.gate.forget();
    scenario.change.iter().for_each(|edit| lane.edit(edit));
    life.wrote(scenario.name).await;
    life.quiet(QUIET).await;
    let writes = life.gate.writes();
    if scenario.is_only_told {
        assert_eq!(life.done(), Vec::<String>::new(), "{}", scenario.name);
    }
    life.kill().await;
    let reference = state(&lane).await;
    rest(&lane, &reference)
        .await
        .unwrap_or_else(|why| panic!("{}: {why}", scenario.name));
    let cuts = [Fate::Dies, Fate::Fails].into_iter().flat_map(|fate| {
        (1..=writes.len())
            .flat_map(move |at| [Side::Before, Side::After].map(move |side| Cut { at, side, fate }))
    });
    // Each scenario begins elsewhere, so that first and last writes have their turns.
    let offset = scenario.name.len() % step;
    let (mut points, mut missed) = (0, 0);
    for cut in cuts.skip(offset).step_by(step) {
        lane.put_back(&start).await;
        let outcome = one_point(&lane, scenario, cut, &reference).await;
        points += 1;
        match outcome {
            Ok(true) => {}
            Ok(false) => missed += 1,
            Err(why) => {
                let at = &writes[cut.at - 1];
                let name = scenario.name;
                let text = format!(
                    "{name}: {:?} {:?} write {} ({at}): {why}",
                    cut.fate, cut.side, cut.at
                );
                lock(seen).wrong.push(text);
            }
        }
    }
    println!(
        "{:>4} writes, {points:>4} points, {:>5.1} s  {}",
        writes.len(),
        began.elapsed().as_secs_f64(),
        scenario.name
    );
    let mut seen = lock(seen);
    seen.scenarios += 1;
    seen.writes += writes.len();
    seen.points += points;
    seen.missed += missed;
}

/// A lane, and the moment before the change, which lies in the folder.
async fn prepare(keys: &Keys, scenario: &Scenario) -> (Lane, Moment, TempDir) {
    let mut lane = Lane::new(keys).await;
    scenario.world.iter().for_each(|edit| lane.edit(edit));
    let life = lane.start();
    life.ready().await;
    life.quiet(Duration::from_millis(300)).await;
    for edit in &scenario.before {
        lane.edit(edit);
        life.quiet(QUIET).await;
    }
    life.kill().await;
    if let Some((tenant, subject)) = scenario.backlog {
        lay_backlog(&lane, tenant, subject).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let moment = lane.keep(&folder.path().join("moment")).await;
    (lane, moment, folder)
}

/// Messages on an edge, as a runtime would have stored them.
async fn lay_backlog(lane: &Lane, tenant: &str, subject: &str) {
    let path = format!("/apis/vrsky.io/v1alpha1/tenants/{tenant}");
    let object = lane.model.get(&path).unwrap();
    let id = TenantId::of(object["metadata"]["uid"].as_str().unwrap());
    let seeds = json!(stored_keys(&lane.model));
    let seed = seeds["tenants"][id.as_str()]["account"].as_str().unwrap();
    let client = connect(lane.server().url(), seed).await.unwrap();
    let context = async_nats::jetstream::new(client);
    for number in 0..3 {
        let sent = context
            .publish(subject.to_owned(), format!("{number}").into())
            .await;
        sent.unwrap().await.unwrap();
    }
}

/// One crash, or failed write. `Ok(false)`: it was not reached.
async fn one_point(
    lane: &Lane,
    scenario: &Scenario,
    cut: Cut,
    reference: &BTreeMap<String, String>,
) -> Result<bool, String> {
    let life = lane.start();
    life.ready().await;
    life.gate.arm(cut);
    scenario.change.iter().for_each(|edit| lane.edit(edit));
    let is_reached = tokio::select! {
        () = life.gate.struck() => true,
        () = life.quiet(QUIET) => false,
    };
    let next = match cut.fate {
        Fate::Dies => {
            life.kill().await;
            let next = lane.start();
            next.ready().await;
            next
        }
        Fate::Fails => {
            life.quiet(QUIET).await;
            life
        }
    };
    let result = converge(lane, &next, reference).await;
    next.kill().await;
    result?;
    rest(lane, reference).await?;
    Ok(is_reached)
}

/// Waits until everything is as it has to be.
async fn converge(
    lane: &Lane,
    life: &Life,
    reference: &BTreeMap<String, String>,
) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let now = state(lane).await;
        if now == *reference {
            return Ok(());
        }
        if began.elapsed() > PATIENCE / 3 {
            let mut text = String::from("it does not come to the same end:");
            let _ = write!(
                text,
                "{}\nit wrote {:?}",
                difference(reference, &now),
                life.gate.writes()
            );
            return Err(text);
        }
        tokio::time::sleep(LOOK * 4).await;
    }
}

/// One more operator finds nothing to do.
async fn rest(lane: &Lane, reference: &BTreeMap<String, String>) -> Result<(), String> {
    let life = lane.start();
    life.ready().await;
    life.quiet(LOOK * 8).await;
    let writes = own_writes(&life);
    life.kill().await;
    if !writes.is_empty() {
        return Err(format!("the next one still writes: {writes:?}"));
    }
    let now = state(lane).await;
    if now == *reference {
        Ok(())
    } else {
        Err(format!(
            "it does not stay so:{}",
            difference(reference, &now)
        ))
    }
}

/// What was written, but for what every operator writes when it starts: it may not read Secrets, so it
/// applies those of runtimes once; and the server keeps reports in memory.
fn own_writes(life: &Life) -> Vec<String> {
    let mut writes = life.gate.writes();
    let at_start = ["$JS.API.STREAM.CREATE.REPORTS"];
    writes.retain(|it| !at_start.contains(&it.as_str()) && !it.contains("/secrets/vrsky-"));
    writes
}

fn difference(wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in wanted {
        match found.get(name) {
            None => drop(write!(text, "\n  missing {name}")),
            Some(other) if other != value => {
                let _ = write!(text, "\n  {name}\n    wanted {value}\n    found  {other}");
            }
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        let _ = write!(text, "\n  too much {name} {}", found[name]);
    }
    text
}
