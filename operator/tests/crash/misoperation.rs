//! Users make mistakes and mend them, thousands of times: what runs is never disturbed by an object
//! that is invalid.
//!
//! Ten thousand times from what the watches say to the plan, which decides everything that runs: in
//! NATS, and in Kubernetes, whose objects are a function of it. A few hundred times through the whole
//! operator, which may then write statuses and events and nothing else.

mod subjects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use vrsky_broker::Keys;
use vrsky_compiler::{Compiler, Incumbents, Severity, compile};
use vrsky_operator::index::{Index, Key};
use vrsky_operator::inventory::Inventory;
use vrsky_operator::kinds::Kind;
use vrsky_operator::world;
use vrsky_plan::Plan;

use self::subjects::{Subject, subjects};
use crate::lane::{Edit, LOOK, Lane, Life};

/// Through the compiler.
const TRANSITIONS: usize = 10_000;
/// Through the operator.
const SAMPLE: usize = 300;
/// So many objects are invalid at once, at most.
const INVALID: usize = 3;

/// One change of one object.
struct Transition {
    subject: usize,
    is_valid: bool,
    spec: Value,
}

/// Decides what happens next.
struct Users {
    random: StdRng,
    invalid: BTreeSet<usize>,
}

impl Users {
    fn new() -> Self {
        let seed = std::env::var("VRSKY_SEED").map_or(1, |text| text.parse().unwrap());
        println!("VRSKY_SEED={seed}");
        let random = StdRng::seed_from_u64(seed);
        Self {
            random,
            invalid: BTreeSet::new(),
        }
    }

    fn next(&mut self, subjects: &[Subject]) -> Transition {
        let subject = self.random.random_range(0..subjects.len());
        let breaks = self.random.random_bool(0.5)
            && (self.invalid.len() < INVALID || self.invalid.contains(&subject));
        let choices = if breaks {
            &subjects[subject].invalid
        } else {
            &subjects[subject].valid
        };
        if breaks {
            self.invalid.insert(subject);
        } else {
            self.invalid.remove(&subject);
        }
        let spec = choices.choose(&mut self.random).unwrap().clone();
        Transition {
            subject,
            is_valid: !breaks,
            spec,
        }
    }
}

/// The operator's way from what it sees to the plan, without its ends.
struct Way {
    index: Index,
    inventory: Inventory,
    incumbents: Incumbents,
    compiler: Compiler,
}

impl Way {
    fn new() -> Self {
        let mut way = Self {
            index: Index::new(BTreeSet::from(Kind::ALL)),
            inventory: Inventory::default(),
            incumbents: Incumbents::default(),
            compiler: Compiler::default(),
        };
        for kind in Kind::ALL {
            way.index.take(kind, Event::Init);
            way.index.take(kind, Event::InitDone);
        }
        for namespace in ["acme", "globex"] {
            way.see(Kind::Namespace, "", namespace, 1, &Value::Null);
        }
        way
    }

    fn see(&mut self, kind: Kind, namespace: &str, name: &str, generation: usize, spec: &Value) {
        let resource = kind.resource();
        let mut object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "uid": format!("uid-of-{}-{name}", kind.name()),
                "generation": generation, "resourceVersion": generation.to_string()},
            "spec": spec,
        });
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.index.take(kind, Event::Apply(object));
    }

    /// The plan, and the objects that errors were found in.
    fn plan(&mut self) -> (Plan, BTreeSet<String>) {
        self.inventory = self.inventory.follow(&self.index);
        let incumbents = std::mem::take(&mut self.incumbents);
        let now = Timestamp::UNIX_EPOCH;
        let world = world::build(
            &self.index,
            &self.inventory,
            &BTreeSet::new(),
            incumbents,
            1,
            now,
        );
        let compiled = self.compiler.compile(&world);
        let errors = compiled.diagnostics.iter();
        let wrong: BTreeSet<String> = errors
            .filter(|it| it.severity == Severity::Error)
            .map(|it| world.documents[it.primary.document].origin.to_string())
            .collect();
        self.index
            .judge(|key, _| !wrong.contains(key.origin().as_str()));
        self.incumbents = Incumbents::from(&compiled.plan);
        (compiled.plan, wrong)
    }

    /// The same from nothing: without a memory of any kind.
    fn plan_anew(&self) -> Plan {
        let mut world = world::build(
            &self.index,
            &self.inventory,
            &BTreeSet::new(),
            Incumbents::default(),
            1,
            Timestamp::UNIX_EPOCH,
        );
        for document in &mut world.documents {
            document.before = None;
        }
        compile(&world).plan
    }
}

#[test]
fn an_invalid_object_changes_nothing_of_the_plan() {
    let subjects = subjects();
    let mut users = Users::new();
    let mut way = Way::new();
    // Sees what is valid, and nothing else.
    let mut ideal = Way::new();
    for it in &subjects {
        way.see(it.kind, it.namespace, it.name, 1, &it.valid[0]);
        ideal.see(it.kind, it.namespace, it.name, 1, &it.valid[0]);
    }
    let (mut last, wrong) = way.plan();
    assert!(wrong.is_empty(), "{wrong:?}");
    let programs = last.tenants.values().map(|tenant| tenant.programs.len());
    assert_eq!(programs.sum::<usize>(), 4, "every flow runs");
    let (mut broken, mut undisturbed, mut withheld, mut whole) = (0, 0, 0, 0);
    for number in 0..TRANSITIONS {
        let transition = users.next(&subjects);
        let it = &subjects[transition.subject];
        way.see(it.kind, it.namespace, it.name, number + 2, &transition.spec);
        let (plan, wrong) = way.plan();
        let said = format!(
            "{number}: {} {} becomes {}",
            it.kind.name(),
            it.name,
            transition.spec
        );
        let origin = Key::new(it.kind, it.namespace, it.name).origin();
        if transition.is_valid {
            ideal.see(it.kind, it.namespace, it.name, number + 2, &transition.spec);
        } else {
            broken += 1;
            // A mistake may hide behind another one.
            let is_alone = users.invalid.len() == 1;
            let is_found = wrong.contains(&origin) || !is_alone && !wrong.is_empty();
            assert!(is_found, "{said}: nothing is found");
        }
        let (wanted, _) = ideal.plan();
        let nothing_waits = what_runs(&last) == what_runs(&wanted);
        if users.invalid.is_empty() {
            whole += 1;
            assert!(wrong.is_empty(), "{said}: {wrong:?}");
            assert_eq!(plan, wanted, "{said}");
            if whole % 50 == 0 {
                assert_eq!(plan, ideal.plan_anew(), "{said}");
            }
        } else if !transition.is_valid && nothing_waits {
            undisturbed += 1;
            assert_eq!(what_runs(&plan), what_runs(&last), "{said}");
        } else {
            withheld += usize::from(transition.is_valid && plan != wanted);
            each_runs_as_before_or_as_said(&last, &plan, &wanted, &said);
        }
        last = plan;
    }
    println!(
        "{TRANSITIONS} transitions: {broken} to something invalid ({undisturbed} with nothing \
         else on the way), {whole} after which all was \
         valid, {withheld} valid ones that waited for another object"
    );
    assert!(broken > TRANSITIONS / 4 && undisturbed > TRANSITIONS / 10 && whole > 50);
}

/// A plan, but for who asked when: where other objects are broken, too, a change that waited may be
/// found to be none.
fn what_runs(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for tenant in plan.tenants.values_mut() {
        for program in Arc::make_mut(tenant).programs.values_mut() {
            let program = Arc::make_mut(program);
            program.generation = 0;
            program.hash = Box::default();
        }
    }
    plan
}

/// A change that waits for an invalid object waits whole: each program is the last one, or the one
/// that was asked for.
fn each_runs_as_before_or_as_said(last: &Plan, plan: &Plan, wanted: &Plan, said: &str) {
    let names: Vec<_> = plan.tenants.keys().collect();
    assert_eq!(names, wanted.tenants.keys().collect::<Vec<_>>(), "{said}");
    for (name, tenant) in &plan.tenants {
        let (old, new) = (&last.tenants[name].programs, &wanted.tenants[name].programs);
        assert_eq!(tenant.programs.len(), new.len(), "{said}");
        for (flow, program) in &tenant.programs {
            let is_known = old.get(flow) == Some(program) || new.get(flow) == Some(program);
            assert!(
                is_known,
                "{said}: {flow} runs something that nobody asked for"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_object_makes_the_operator_write_statuses_and_nothing_else() {
    let subjects = subjects();
    let mut users = Users::new();
    let lane = Lane::new(&Keys::generate().unwrap()).await;
    for name in ["acme", "globex"] {
        lane.edit(&Edit::Create(format!(
            "{{kind: Namespace, metadata: {{name: {name}}}}}"
        )));
    }
    let mut now: BTreeMap<usize, Value> = BTreeMap::new();
    for (number, it) in subjects.iter().enumerate() {
        let mut object = json!({"kind": it.kind.name(), "metadata": {"name": it.name},
            "spec": it.valid[0]});
        if !it.namespace.is_empty() {
            object["metadata"]["namespace"] = json!(it.namespace);
        }
        lane.edit(&Edit::Create(object.to_string()));
        now.insert(number, it.valid[0].clone());
    }
    let life = lane.start();
    life.ready().await;
    life.quiet(LOOK * 40).await;
    let (mut broken, mut told) = (0, 0);
    for _ in 0..SAMPLE {
        let transition = users.next(&subjects);
        if now.insert(transition.subject, transition.spec.clone()) == Some(transition.spec.clone())
        {
            continue;
        }
        let it = &subjects[transition.subject];
        life.gate.forget();
        let rounds = life.rounds().await;
        replace(&lane, it, &transition.spec);
        while life.rounds().await == rounds {
            tokio::time::sleep(LOOK).await;
        }
        life.quiet(LOOK * 12).await;
        if transition.is_valid {
            continue;
        }
        broken += 1;
        let writes = life.gate.writes();
        told += usize::from(writes.iter().any(|it| it.ends_with("/status")));
        let others = life.done();
        assert!(
            others.is_empty(),
            "{} {}: {others:?}",
            it.name,
            transition.spec
        );
    }
    println!("{broken} invalid objects, {told} of them told in status");
    assert!(broken > SAMPLE / 5);
    assert_eq!(told, broken);
    life.kill().await;
    // Another operator, that never saw what was valid, leaves it in peace, too. (Secrets, that it may
    // not read, are applied once by each.)
    let next = lane.start();
    next.ready().await;
    next.quiet(LOOK * 12).await;
    assert_eq!(done(&next), Vec::<String>::new());
    next.kill().await;
    // Nor does one that cannot see what runs, for some time.
    let next = lane.start_without_nats();
    while next.rounds().await == 0 {
        tokio::time::sleep(LOOK).await;
    }
    next.quiet(LOOK * 12).await;
    assert_eq!(done(&next), Vec::<String>::new());
    lane.lead_to_nats(&next);
    next.ready().await;
    next.quiet(LOOK * 12).await;
    assert_eq!(done(&next), Vec::<String>::new());
    next.kill().await;
}

/// What was done, but for Secrets.
fn done(life: &Life) -> Vec<String> {
    let mut writes = life.done();
    writes.retain(|write| !write.contains("/secrets/vrsky-"));
    writes
}

/// Says something else of an object, whole.
fn replace(lane: &Lane, it: &Subject, spec: &Value) {
    let plural = format!("{}s", it.kind.name().to_lowercase());
    let path = match it.namespace {
        "" => format!("/apis/vrsky.io/v1alpha1/{plural}/{}", it.name),
        namespace => format!(
            "/apis/vrsky.io/v1alpha1/namespaces/{namespace}/{plural}/{}",
            it.name
        ),
    };
    let mut object = lane.model.get(&path).unwrap();
    object["spec"] = spec.clone();
    let (status, said) = lane.model.ask(&http::Method::PUT, &path, "", &object);
    assert!(status.is_success(), "{said}");
}
