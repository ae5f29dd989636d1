//! The operator on a real API server and a real nats-server: many flows at once, one edit among them,
//! and nothing to do at all.
//!
//! There is no kubelet, so Deployments are stored and never run. Flows of one tenant are run by a real
//! runtime, started here with the arguments of its Deployment: theirs become Ready, the others stay
//! Programmed.

mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vrsky_e2e::process;

use self::world::{World, name};
use super::page;
use crate::{setup, step};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many flows; each number is a table row, with a world of its own.
    #[arg(long, num_args = 1.., default_values_t = [1_000, 10_000])]
    flows: Vec<u32>,
    /// Edits of one flow, one after another.
    #[arg(long, default_value_t = 100)]
    edits: u32,
    /// Seconds of rest, after which what was done meanwhile is counted.
    #[arg(long, default_value_t = 120)]
    rest: u64,
}

/// Flows of each tenant.
const FLOWS_PER_TENANT: u32 = 10;
/// After a burst the operator is through when it has asked for nothing for so long.
const SETTLED: Duration = Duration::from_secs(10);
/// Renewals of its lease are no work.
const RENEWALS: u64 = 10;
/// How long one step may take before the run is given up.
const LIMIT: Duration = Duration::from_mins(8);

/// One row.
struct Run {
    flows: u32,
    tenants: Duration,
    bulk: Duration,
    calls: BTreeMap<String, u64>,
    cpu: f64,
    edits: Vec<Duration>,
    rest: BTreeMap<String, u64>,
    rest_cpu: f64,
    memory: u64,
    peak: u64,
}

/// Builds, measures, prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    setup::nats_server()?;
    setup::api_server()?;
    step::build_optimised(&["vrsky-operator", "vrsky-runtime"])?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut rows = String::new();
    for flows in &arguments.flows {
        let run = runtime.block_on(measure(*flows, arguments))?;
        rows.push_str(&run.row(arguments.rest));
    }
    let table = format!(
        "{FLOWS_PER_TENANT} flows a tenant, each with a webhook, a filter, a map and a sink, on one API server with \
         etcd (without fsync) and one nats-server, all on this machine. *Bulk*: from the first create to the last flow \
         that is `Programmed`, tenants there before. *Edit*: from the request to the watch that brings `Ready` for the \
         new generation, running in a real runtime. *Rest*: {} s without a change. API calls are those of the \
         operator, from the API server's audit log.\n\n\
         | flows | tenants/s | flows/s | operator CPU-s | API calls by verb | edit → Ready p50, p99 ms | at rest: calls/s | CPU of a core | RSS now, peak |\n\
         |---:|---:|---:|---:|---|---:|---:|---:|---:|\n{rows}\n{}. Repeat: `cargo xtask bench operator`.",
        arguments.rest,
        page::machine()
    );
    println!("\n{table}");
    page::write("operator", &table)
}

async fn measure(flows: u32, arguments: &Arguments) -> anyhow::Result<Run> {
    println!("── {flows} flows");
    let world = World::start().await?;
    let pid = world.operator();
    let tenants = flows.div_ceil(FLOWS_PER_TENANT);

    let began = Instant::now();
    let objects = (0..tenants).map(namespace).collect();
    world.create("/api/v1/namespaces", objects).await?;
    let objects = (0..tenants).map(tenant).collect();
    let path = "/apis/vrsky.io/v1alpha1/tenants";
    world.create(path, objects).await?;
    world.until(path, tenants, "Ready", LIMIT).await?;
    let for_tenants = began.elapsed();
    println!("  {tenants} tenants Ready after {for_tenants:.1?}");

    let (calls, cpu) = (world.calls()?, process::cpu_seconds(pid)?);
    let began = Instant::now();
    for chunk in 0..flows.div_ceil(1_000) {
        let range = chunk * 1_000..flows.min((chunk + 1) * 1_000);
        let objects = range.map(|number| {
            let tenant = name(number / FLOWS_PER_TENANT);
            let path = format!("/apis/vrsky.io/v1alpha1/namespaces/{tenant}/flows");
            (path, flow(number))
        });
        world.create_at(objects.collect()).await?;
    }
    let created = began.elapsed();
    let path = "/apis/vrsky.io/v1alpha1/flows";
    world.until(path, flows, "Programmed", LIMIT).await?;
    let bulk = began.elapsed();
    println!("  {flows} flows created after {created:.1?}, Programmed after {bulk:.1?}");
    settle(&world).await?;
    let bulk_calls = difference(&world.calls()?, &calls);
    let bulk_cpu = process::cpu_seconds(pid)? - cpu;

    let (calls, cpu) = (world.calls()?, process::cpu_seconds(pid)?);
    tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
    let rest = difference(&world.calls()?, &calls);
    let rest_cpu = process::cpu_seconds(pid)? - cpu;
    let memory = world.memory()?;
    println!(
        "  at rest: {rest:?}, {rest_cpu:.2} CPU-s, {} MB",
        memory >> 20
    );

    world.run_flows_of(&name(0)).await?;
    let path = format!(
        "/apis/vrsky.io/v1alpha1/namespaces/{}/flows/flow-00000",
        name(0)
    );
    let mut edits = Vec::new();
    for number in 0..arguments.edits {
        let change = json!({"spec": {"steps": [
            {"filter": ".status == \"paid\""},
            {"name": "shape", "map": format!(". = {{\"id\": .id, \"edit\": {number}}}")},
        ]}});
        edits.push(world.edit(&path, &change).await?);
    }
    edits.sort();
    println!(
        "  {} edits, median {:.0?}",
        edits.len(),
        percentile(&edits, 50)
    );
    Ok(Run {
        flows,
        tenants: for_tenants,
        bulk,
        calls: bulk_calls,
        cpu: bulk_cpu,
        edits,
        rest,
        rest_cpu,
        memory,
        peak: process::peak_memory(pid)?,
    })
}

/// Waits until the operator has nothing to do any more.
async fn settle(world: &World) -> anyhow::Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let before = world.calls()?;
        tokio::time::sleep(SETTLED).await;
        let since: u64 = difference(&world.calls()?, &before).values().sum();
        if since <= RENEWALS {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < end, "the operator does not come to rest");
    }
}

impl Run {
    fn row(&self, rest: u64) -> String {
        let rest_calls: u64 = self.rest.values().sum();
        let seconds = Duration::from_secs(rest).as_secs_f64();
        let tenants = f64::from(self.flows.div_ceil(FLOWS_PER_TENANT)) / self.tenants.as_secs_f64();
        let flows = f64::from(self.flows) / self.bulk.as_secs_f64();
        let verbs: Vec<String> = self
            .calls
            .iter()
            .map(|(verb, count)| format!("{verb} {count}"))
            .collect();
        let calls = f64::from(u32::try_from(rest_calls).unwrap_or(u32::MAX)) / seconds;
        format!(
            "| {} | {tenants:.0} | {flows:.0} | {:.1} | {} | {:.0}, {:.0} | {calls:.2} | {:.2} % | {}, {} MB |\n",
            self.flows,
            self.cpu,
            verbs.join(", "),
            percentile(&self.edits, 50).as_secs_f64() * 1e3,
            percentile(&self.edits, 99).as_secs_f64() * 1e3,
            self.rest_cpu / seconds * 100.0,
            self.memory >> 20,
            self.peak >> 20,
        )
    }
}

/// Of sorted times.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

fn difference(
    after: &BTreeMap<String, u64>,
    before: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let mut rest: BTreeMap<String, u64> = after
        .iter()
        .map(|(verb, count)| {
            let earlier = before.get(verb).copied().unwrap_or_default();
            (verb.clone(), count - earlier)
        })
        .collect();
    rest.retain(|_, count| *count > 0);
    rest
}

fn namespace(number: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name(number)}})
}

fn tenant(number: u32) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name(number)},
        "spec": {"namespaces": [name(number)]},
    })
}

/// Every flow its own expressions, or a cache would answer for the compiler.
fn flow(number: u32) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Flow",
        "metadata": {"name": format!("flow-{number:05}"), "namespace": name(number / FLOWS_PER_TENANT)},
        "spec": {
            "source": {
                "connector": "webhook",
                "with": {"path": format!("/in-{number}")},
                "contract": {"fields": {"id": "string", "status": "string"}},
            },
            "steps": [
                {"filter": format!(".status == \"paid\" && .id != \"{number}\"")},
                {"name": "shape", "map": format!(". = {{\"id\": .id + \"-{number}\"}}")},
            ],
            "sinks": {"log": {"connector": "log"}},
        },
    })
}
