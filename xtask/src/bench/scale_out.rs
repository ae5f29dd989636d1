//! One flow in more and more processes, each with as little of a core as a small pod gets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_nats::jetstream;
use vrsky_e2e::process;

use super::compile::{release, spread};
use super::page;
use super::runtime::measure::{count_beyond, preload};
use super::runtime::runner::{Runner, Running};
use super::runtime::server::Server;
use super::runtime::spread_whole;
use crate::setup;
use crate::step;

/// How many processes, and partitions of the flow.
const PODS: [usize; 4] = [1, 2, 4, 8];
/// From the first output until every process has its share of the partitions.
const SETTLES: Duration = Duration::from_secs(10);
/// Messages a second and process that are there at the least, so that nobody runs dry.
const ENOUGH: f64 = 20_000.0;

/// How much to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Thousandths of a core for each process.
    #[arg(long, default_value_t = 50)]
    millicores: u32,
    /// How long to count.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Runs of each number of processes.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// What was seen of so many processes.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Input messages per second, of all together.
    rate: f64,
    /// CPU-seconds of the server per million input messages.
    server: f64,
}

/// Processes that together have so much of a core. Gone when dropped; they must have ended.
struct Limit(PathBuf);

/// Builds, measures, writes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let nats = setup::nats_server()?;
    println!("building vrsky and vrsky-runtime, optimised");
    step::build_optimised(&["vrsky", "vrsky-runtime"])?;
    let (compiler, program) = (release("vrsky")?, release("vrsky-runtime")?);
    let runners = PODS.map(|pods| Runner::vrsky(&compiler, &program, pods));
    let runners: Vec<Runner> = runners.into_iter().collect::<anyhow::Result<_>>()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let rows = runtime.block_on(measure_all(arguments, &nats, &runners))?;
    let text = table(arguments, &rows);
    println!("\n{text}");
    page::write("scale-out", &text)
}

async fn measure_all(
    arguments: &Arguments,
    nats: &Path,
    runners: &[Runner],
) -> anyhow::Result<[Vec<Run>; 4]> {
    let mut rows: [Vec<Run>; 4] = Default::default();
    let server = Server::start(nats).await?;
    for _ in 0..arguments.runs.max(1) {
        for (row, runner) in rows.iter_mut().zip(runners) {
            let run = measure(arguments, &server, runner).await?;
            println!("  {} {run:?}", runner.subjects.len());
            row.push(run);
        }
    }
    Ok(rows)
}

/// Preloads, starts, and counts when each process has its share.
async fn measure(arguments: &Arguments, server: &Server, runner: &Runner) -> anyhow::Result<Run> {
    let pods = runner.subjects.len();
    let client = server.client().await?;
    let jetstream = jetstream::new(client.clone());
    runner.lay_out(&jetstream).await?;
    let window = Duration::from_secs(arguments.seconds.into());
    let needed = (SETTLES + window).as_secs_f64() * ENOUGH * pods as f64;
    preload(&client, &jetstream, runner, needed as u32).await?;
    let mut processes: Vec<(Running, Limit)> = Vec::new();
    for number in 0..pods {
        let limit = Limit::new(&format!("vrsky-bench-{number}"), arguments.millicores)?;
        let running = runner.start(server)?;
        limit.bind(running.pid())?;
        processes.push((running, limit));
    }
    let mut output = jetstream.get_stream(&runner.output).await?;
    count_beyond(&mut output, 0).await?;
    tokio::time::sleep(SETTLES).await;
    let cpu = process::cpu_seconds(server.pid())?;
    let (first, began) = (output.info().await?.state.messages, Instant::now());
    tokio::time::sleep(window).await;
    let (last, seconds) = (
        output.info().await?.state.messages,
        began.elapsed().as_secs_f64(),
    );
    let cpu = process::cpu_seconds(server.pid())? - cpu;
    // What is filtered out does not come out.
    anyhow::ensure!(
        last * 2 < needed as u64,
        "{pods} processes ran dry: the row is void"
    );
    let messages = (last - first) as f64 * 2.0;
    Ok(Run {
        rate: messages / seconds,
        server: cpu / messages * 1e6,
    })
}

fn table(arguments: &Arguments, rows: &[Vec<Run>; 4]) -> String {
    let mut text = format!(
        "One flow in so many processes, with as many partitions, each held to {} thousandths of a core by a control group, \
         on the messages and the nats-server of the runtime's table. Counted for {} s, when each process has read its \
         partitions for a while; median (least–most) of {} runs. *Efficiency*: what a process does beside the others, \
         by what one does alone with one partition in the same run.\n\n\
         | processes | msg/s | efficiency | server CPU-s/M |\n|---:|---:|---:|---:|\n",
        arguments.millicores, arguments.seconds, arguments.runs,
    );
    for (row, pods) in rows.iter().zip(PODS) {
        let alone = rows[0].iter().map(|run| run.rate * pods as f64);
        let efficiencies = row.iter().zip(alone).map(|(run, alone)| run.rate / alone);
        let _ = writeln!(
            text,
            "| {pods} | {} | {} | {} |",
            spread_whole(row.iter().map(|run| run.rate)),
            spread(efficiencies),
            spread(row.iter().map(|run| run.server)),
        );
    }
    let _ = write!(
        text,
        "\n{}. Repeat: `sudo -E env PATH=$PATH cargo xtask bench scale-out`.",
        page::machine()
    );
    text
}

impl Limit {
    /// A control group, of version 1 or 2, as kubelets make them: so much of each 100 ms.
    fn new(name: &str, millicores: u32) -> anyhow::Result<Self> {
        let (of_cpu, all) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        let quota = millicores * 100;
        let (folder, file, text) = if of_cpu.is_dir() {
            (of_cpu, "cpu.cfs_quota_us", quota.to_string())
        } else {
            (all, "cpu.max", format!("{quota} 100000"))
        };
        let group = Self(folder.join(name));
        std::fs::create_dir_all(&group.0)
            .and_then(|()| std::fs::write(group.0.join(file), text))
            .with_context(|| format!("{}: needs root", group.0.display()))?;
        Ok(group)
    }

    fn bind(&self, pid: u32) -> anyhow::Result<()> {
        Ok(std::fs::write(
            self.0.join("cgroup.procs"),
            pid.to_string(),
        )?)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _it_is_empty = std::fs::remove_dir(&self.0);
    }
}
