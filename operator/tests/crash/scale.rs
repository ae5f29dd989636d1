//! A flow goes to zero and comes back, whatever becomes of the operator meanwhile. The test is the
//! flow's runtime: it reports, and nothing is read unless a test does it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vrsky_broker::Keys;
use vrsky_plan::TenantId;

use crate::lane::{Edit, Lane, Life, PATIENCE, stored_keys};
use crate::state::connect;

const WORLD: &str = r"
{kind: Namespace, metadata: {name: acme}}
---
{kind: Tenant, metadata: {name: acme}, spec: {namespaces: [acme], tier: Dedicated}}
---
kind: Topic
metadata: {name: orders, namespace: acme}
spec: {contract: {fields: {id: string}}}
---
kind: Flow
metadata: {name: bill, namespace: acme}
spec:
  source: {topic: orders}
  sinks: {log: {connector: log}}
  scale: {min: 0, idleAfter: 10s}
";
const FLOW: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/flows/bill";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/acme/deployments/vrsky-flow-bill";
const EDGE: &str = "e.acme_bill.in";

/// The tenant's side of NATS.
struct Tenant {
    id: TenantId,
    client: async_nats::Client,
}

impl Tenant {
    async fn of(lane: &Lane) -> Self {
        let path = "/apis/vrsky.io/v1alpha1/tenants/acme";
        let object = lane.model.get(path).unwrap();
        let id = TenantId::of(object["metadata"]["uid"].as_str().unwrap());
        let seeds = json!(stored_keys(&lane.model));
        let seed = seeds["tenants"][id.as_str()]["account"].as_str().unwrap();
        let client = connect(lane.server().url(), seed).await.unwrap();
        Self { id, client }
    }

    /// A process says that it runs the program that lies in NATS.
    async fn report(&self, generation: i64, program: &str) {
        let report = json!({
            "flow": "acme/bill", "program": program, "generation": generation, "process": "one",
            "atMs": 1, "state": {"state": "running"}, "backlog": {},
            "counters": {"accepted": 0, "refused": 0, "filtered": 0, "delivered": {}, "unread": 0,
                "retried": 0, "errored": 0, "deadLettered": 0},
        });
        let subject = format!("reports.{}.acme_bill.one", self.id);
        let context = async_nats::jetstream::new(self.client.clone());
        let sent = context.publish(subject, report.to_string().into()).await;
        sent.unwrap().await.unwrap();
    }

    async fn publish(&self) {
        let context = async_nats::jetstream::new(self.client.clone());
        let sent = context.publish(EDGE, "{}".into()).await;
        sent.unwrap().await.unwrap();
    }

    /// As a runtime does that is through with everything.
    async fn read_all(&self) {
        let subject = format!("$JS.API.STREAM.PURGE.{}", self.id.transit_stream());
        let body = json!({"filter": "e.acme_bill.>"}).to_string();
        self.client.request(subject, body.into()).await.unwrap();
    }
}

fn pods(lane: &Lane) -> Option<i64> {
    lane.model.get(DEPLOYMENT)?["spec"]["replicas"].as_i64()
}

/// Status and reason of Ready, with its generation.
fn ready(lane: &Lane) -> Option<(String, String, i64)> {
    let flow = lane.model.get(FLOW)?;
    let conditions = flow["status"]["conditions"].as_array()?.clone();
    let ready = conditions.iter().find(|one| one["type"] == "Ready")?;
    let text = |field: &str| ready[field].as_str().map(str::to_owned);
    let generation = ready["observedGeneration"].as_i64()?;
    Some((text("status")?, text("reason")?, generation))
}

/// The hash of the program that is planned, as the flow's program in NATS has it.
async fn program(lane: &Lane, tenant: &Tenant) -> String {
    let seeds = json!(stored_keys(&lane.model));
    let seed = seeds["platform"].as_str().unwrap();
    let client = connect(lane.server().url(), seed).await.unwrap();
    let body = json!({"last_by_subj": format!("$KV.programs.{}.acme_bill", tenant.id)});
    let subject = "$JS.API.STREAM.MSG.GET.KV_programs";
    let answer = client.request(subject, body.to_string().into()).await;
    let answer: Value = serde_json::from_slice(&answer.unwrap().payload).unwrap();
    let data = answer["message"]["data"].as_str().unwrap();
    let bytes = data_encoding::BASE64.decode(data.as_bytes()).unwrap();
    let program: Value = serde_json::from_slice(&bytes).unwrap();
    program["hash"].as_str().unwrap().to_owned()
}

async fn until(what: &str, lane: &Lane, holds: impl Fn(&Lane) -> bool) {
    let began = Instant::now();
    while !holds(lane) {
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: {:?} pods, {:?}",
            pods(lane),
            ready(lane)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether Ready says this of a generation.
fn says(lane: &Lane, status: &str, reason: &str, generation: i64) -> bool {
    ready(lane).is_some_and(|(is, why, of)| (&*is, &*why, of) == (status, reason, generation))
}

async fn start(lane: &Lane) -> Life {
    let life = lane.start();
    life.ready().await;
    life
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_goes_to_zero_and_back_across_operators() {
    let lane = Lane::new(&Keys::generate().unwrap()).await;
    lane.edit(&Edit::Create(WORLD.to_owned()));
    let life = start(&lane).await;
    let tenant = Tenant::of(&lane).await;
    until("a pod", &lane, |lane| pods(lane) == Some(1)).await;
    let first = program(&lane, &tenant).await;

    // It runs, and has nothing to do.
    tenant.report(1, &first).await;
    let idle = Instant::now();
    until("idle", &lane, |lane| says(lane, "True", "Idle", 1)).await;
    assert_eq!(pods(&lane), Some(0));
    assert!(idle.elapsed() >= Duration::from_secs(9), "{idle:?}");

    // The next operator finds it there; an edit needs no pod.
    life.kill().await;
    let life = start(&lane).await;
    let edit = json!({"spec": {"steps": [{"filter": ".id != \"\""}]}});
    lane.edit(&Edit::Merge(FLOW, edit));
    until("edited", &lane, |lane| says(lane, "True", "Idle", 2)).await;
    assert_eq!(pods(&lane), Some(0));
    // Somebody starts a pod by hand.
    lane.edit(&Edit::Merge(DEPLOYMENT, json!({"spec": {"replicas": 2}})));
    until("mended", &lane, |lane| pods(lane) == Some(0)).await;
    // A mistake starts none either.
    let wrong = json!({"spec": {"steps": [{"filter": ".di != \"\""}]}});
    lane.edit(&Edit::Merge(FLOW, wrong));
    let is_told = |lane: &Lane| says(lane, "False", "CompileError", 3);
    until("a mistake", &lane, is_told).await;
    assert_eq!(pods(&lane), Some(0));
    let mended = json!({"spec": {"steps": [{"filter": ".id != \"\""}]}});
    lane.edit(&Edit::Merge(FLOW, mended));
    until("mended", &lane, |lane| says(lane, "True", "Idle", 4)).await;

    // A message comes while no operator is there.
    life.kill().await;
    tenant.publish().await;
    let life = start(&lane).await;
    until("awake", &lane, |lane| pods(lane) == Some(1)).await;
    until("said", &lane, |lane| says(lane, "True", "Waking", 4)).await;
    let second = program(&lane, &tenant).await;
    tenant.report(4, &second).await;
    until("runs", &lane, |lane| says(lane, "True", "Running", 4)).await;
    // It stays as long as something waits.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(pods(&lane), Some(1));
    tenant.read_all().await;
    tenant.report(4, &second).await;
    until("idle", &lane, |lane| says(lane, "True", "Idle", 4)).await;

    // Without min: 0 it has its pod.
    lane.edit(&Edit::Merge(FLOW, json!({"spec": {"scale": null}})));
    until("a pod", &lane, |lane| pods(lane) == Some(1)).await;
    life.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_deleted_at_zero_reads_first_what_waits() {
    let lane = Lane::new(&Keys::generate().unwrap()).await;
    lane.edit(&Edit::Create(WORLD.to_owned()));
    let life = start(&lane).await;
    let tenant = Tenant::of(&lane).await;
    until("a pod", &lane, |lane| pods(lane) == Some(1)).await;
    let hash = program(&lane, &tenant).await;
    life.kill().await;
    // As a former operator left it.
    lane.edit(&Edit::Merge(DEPLOYMENT, json!({"spec": {"replicas": 0}})));
    let life = start(&lane).await;
    assert_eq!(pods(&lane), Some(0));
    tenant.publish().await;
    lane.edit(&Edit::Delete(FLOW));
    until("awake", &lane, |lane| pods(lane) == Some(1)).await;
    assert!(lane.model.get(FLOW).is_some());
    let later = Duration::from_secs(1);
    tokio::time::sleep(later).await;
    assert!(lane.model.get(FLOW).is_some(), "it waits for its pod");
    tenant.report(1, &hash).await;
    tenant.read_all().await;
    until("gone", &lane, |lane| lane.model.get(FLOW).is_none()).await;
    until("no pod", &lane, |lane| pods(lane).is_none()).await;

    // Where nothing waits, no pod has to come.
    let flow = WORLD.split("---").last().unwrap();
    lane.edit(&Edit::Create(flow.to_owned()));
    until("a pod", &lane, |lane| pods(lane) == Some(1)).await;
    life.kill().await;
    lane.edit(&Edit::Merge(DEPLOYMENT, json!({"spec": {"replicas": 0}})));
    let life = start(&lane).await;
    lane.edit(&Edit::Delete(FLOW));
    until("gone", &lane, |lane| {
        assert_ne!(pods(lane), Some(1));
        lane.model.get(FLOW).is_none()
    })
    .await;
    life.kill().await;
}
