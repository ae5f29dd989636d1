//! JetStream in, filter and map, JetStream out: vrsky-runtime beside mq-bridge, on one nats-server.

pub(super) mod measure;
mod order;
pub(super) mod runner;
pub(super) mod server;

use std::fmt::Write as _;

use self::measure::{Drain, Kill, Latency};
use self::runner::Runner;
use self::server::Server;
use super::compile::{release, spread};
use super::page;
use crate::setup;
use crate::step;

/// How much to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages of one run; half of them are filtered out.
    #[arg(long, default_value_t = 500_000)]
    messages: u32,
    /// Runs of each runner.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

#[derive(Default)]
struct Row {
    drains: Vec<Drain>,
    latencies: Vec<Latency>,
    kills: Vec<Kill>,
}

/// Builds, measures, writes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let nats = setup::nats_server()?;
    let python = setup::python("mq-bridge")?;
    println!("building vrsky and vrsky-runtime, optimised");
    step::build_optimised(&["vrsky", "vrsky-runtime"])?;
    let runners = [
        Runner::vrsky(&release("vrsky")?, &release("vrsky-runtime")?, 1)?,
        Runner::mq_bridge(&python)?,
    ];
    let runtime = tokio::runtime::Runtime::new()?;
    let rows = runtime.block_on(measure_all(arguments, &nats, &runners))?;
    let version = step::output(std::process::Command::new(&nats).arg("--version"))?;
    let text = table(arguments, &runners, &rows, version.trim());
    println!("\n{text}");
    page::write("runtime", &text)
}

async fn measure_all(
    arguments: &Arguments,
    nats: &std::path::Path,
    runners: &[Runner; 2],
) -> anyhow::Result<[Row; 2]> {
    let mut rows = [Row::default(), Row::default()];
    let server = Server::start(nats).await?;
    for run in 0..arguments.runs.max(1) {
        for place in 0..2 {
            // The order changes from run to run.
            let which = (place + run) % 2;
            let (runner, row) = (&runners[which], &mut rows[which]);
            let drain = measure::drain(&server, runner, arguments.messages).await?;
            let latency = measure::latency(&server, runner, 2_000, 5).await?;
            let share = 0.2 + 0.6 * (run as f64 + 0.5) / arguments.runs as f64;
            let kill = measure::kill(&server, runner, arguments.messages / 5, share).await?;
            println!("  {:<16} {drain:?} {latency:?} {kill:?}", runner.name());
            row.drains.push(drain);
            row.latencies.push(latency);
            row.kills.push(kill);
        }
    }
    Ok(rows)
}

fn table(arguments: &Arguments, runners: &[Runner; 2], rows: &[Row; 2], nats: &str) -> String {
    let mut text = format!(
        "{} messages of {} bytes a run, half of them filtered out; median (least–most) of {} runs, in turn, \
         on one {nats} without accounts (R1, file, limits retention). vrsky-runtime removes what it has finished; \
         mq-bridge leaves it in its stream. Latency: open loop, 2,000/s, from the scheduled send. \
         Kills: -9 in the middle of {} messages, restart at once.\n\n\
         | runner | msg/s | runner CPU-s/M | server CPU-s/M | p50 ms | p99 ms | peak RSS MB | lost in {} kills | duplicated |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        arguments.messages,
        order::SIZE,
        arguments.runs,
        arguments.messages / 5,
        arguments.runs,
    );
    for (runner, row) in runners.iter().zip(rows) {
        let drains = |of: fn(&Drain) -> f64| spread(row.drains.iter().map(of));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            runner.name(),
            spread_whole(row.drains.iter().map(|it| it.rate)),
            drains(|it| it.runner),
            drains(|it| it.server),
            spread(row.latencies.iter().map(|it| it.p50)),
            spread(row.latencies.iter().map(|it| it.p99)),
            row.drains
                .iter()
                .map(|it| it.memory >> 20)
                .max()
                .unwrap_or_default(),
            row.kills.iter().map(|it| it.lost).sum::<usize>(),
            row.kills.iter().map(|it| it.duplicated).sum::<usize>(),
        );
    }
    let _ = write!(
        text,
        "\n{}. Repeat: `cargo xtask bench runtime`.",
        page::machine()
    );
    text
}

pub(super) fn spread_whole(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(least), Some(median), Some(most)) => format!("{median:.0} ({least:.0}–{most:.0})"),
        _ => "–".to_owned(),
    }
}
