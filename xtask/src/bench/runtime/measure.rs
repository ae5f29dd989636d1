//! The three measurements: a preloaded drain, an open loop, a kill.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use async_nats::jetstream::{self, consumer, stream};
use futures_util::StreamExt as _;
use vrsky_e2e::process;

use super::order;
use super::runner::Runner;
use super::server::Server;

/// How long a drain may stand still before it counts as over.
const PATIENCE: Duration = Duration::from_mins(1);

/// A drain of a preloaded stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// Input messages per second, from the first output to the last.
    pub(crate) rate: f64,
    /// CPU-seconds of the runner per million input messages.
    pub(crate) runner: f64,
    /// CPU-seconds of the server per million input messages.
    pub(crate) server: f64,
    /// The runner's VmHWM in bytes.
    pub(crate) memory: u64,
}

/// Latencies in milliseconds, from the scheduled send to the arrival behind the runner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50: f64,
    /// 99 of 100 are below.
    pub(crate) p99: f64,
}

/// What a kill -9 in the middle did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// Messages that never came out.
    pub(crate) lost: usize,
    /// Messages that came out more than once.
    pub(crate) duplicated: usize,
}

/// Preloads, starts, and takes the figures between the first output and the last.
pub(crate) async fn drain(
    server: &Server,
    runner: &Runner,
    messages: u32,
) -> anyhow::Result<Drain> {
    let client = server.client().await?;
    let jetstream = jetstream::new(client.clone());
    runner.lay_out(&jetstream).await?;
    preload(&client, &jetstream, runner, messages).await?;
    let wanted = u64::from(messages / 2);
    let running = runner.start(server)?;
    let mut output = jetstream.get_stream(&runner.output).await?;
    let first = count_beyond(&mut output, 0).await?;
    let began = Instant::now();
    let cpu = (
        process::cpu_seconds(running.pid())?,
        process::cpu_seconds(server.pid())?,
    );
    let last = count_beyond(&mut output, wanted - 1).await?;
    let seconds = began.elapsed().as_secs_f64();
    let runner_cpu = process::cpu_seconds(running.pid())? - cpu.0;
    let server_cpu = process::cpu_seconds(server.pid())? - cpu.1;
    let memory = process::peak_memory(running.pid())?;
    anyhow::ensure!(
        last == wanted,
        "{}: {last} of {wanted} outputs: the row is void",
        runner.name()
    );
    settled(&jetstream, runner).await?;
    let millions = (last - first) as f64 * 2.0 / 1e6;
    Ok(Drain {
        rate: millions * 1e6 / seconds,
        runner: runner_cpu / millions,
        server: server_cpu / millions,
        memory,
    })
}

/// Sends `rate` messages a second, at their times, whatever becomes of the earlier ones.
pub(crate) async fn latency(
    server: &Server,
    runner: &Runner,
    rate: u32,
    seconds: u32,
) -> anyhow::Result<Latency> {
    let client = server.client().await?;
    let jetstream = jetstream::new(client.clone());
    runner.lay_out(&jetstream).await?;
    let mut arrivals = client.subscribe(runner.published.clone()).await?;
    let running = runner.start(server)?;
    warm_up(&client, runner, &mut arrivals).await?;
    let subject = &runner.subjects[0];
    let count = rate * seconds;
    let reading = tokio::spawn(async move {
        let mut latencies = Vec::new();
        while latencies.len() < count as usize / 2 {
            let next = tokio::time::timeout(Duration::from_secs(10), arrivals.next()).await;
            let Ok(Some(message)) = next else { break };
            let now = nanoseconds();
            if let Some(sent) = order::id(&message.payload).and_then(|id| id.parse::<u128>().ok()) {
                latencies.push(now.saturating_sub(sent) as f64 / 1e6);
            }
        }
        latencies
    });
    let (start, start_ns) = (Instant::now(), nanoseconds());
    for number in 0..count {
        let due = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        // Tokio's timers have a grain of a millisecond; the last stretch is waited out.
        if let Some(left) = due.checked_sub(start.elapsed())
            && left > Duration::from_micros(1500)
        {
            tokio::time::sleep(left.saturating_sub(Duration::from_micros(1200))).await;
        }
        while start.elapsed() < due {
            tokio::task::yield_now().await;
        }
        let id = (start_ns + due.as_nanos()).to_string();
        client
            .publish(subject.clone(), order::order(&id, number % 2 == 0))
            .await?;
        client.flush().await?;
    }
    let mut latencies = reading.await?;
    drop(running);
    anyhow::ensure!(
        latencies.len() == count as usize / 2,
        "{}: {} of {} came out: the row is void",
        runner.name(),
        latencies.len(),
        count / 2
    );
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Ok(Latency {
        p50: at(0.5),
        p99: at(0.99),
    })
}

/// Kills the runner when a share of the outputs is there, starts it again, and counts.
pub(crate) async fn kill(
    server: &Server,
    runner: &Runner,
    messages: u32,
    share: f64,
) -> anyhow::Result<Kill> {
    let client = server.client().await?;
    let jetstream = jetstream::new(client.clone());
    runner.lay_out(&jetstream).await?;
    preload(&client, &jetstream, runner, messages).await?;
    let wanted = u64::from(messages / 2);
    let mut output = jetstream.get_stream(&runner.output).await?;
    let running = runner.start(server)?;
    count_beyond(&mut output, (wanted as f64 * share) as u64).await?;
    process::kill(running.pid())?;
    drop(running);
    let _again = runner.start(server)?;
    let mut count = 0;
    let mut moved = Instant::now();
    loop {
        let now = output.info().await?.state.messages;
        if now != count {
            (count, moved) = (now, Instant::now());
        }
        let ids = if count >= wanted && moved.elapsed() > Duration::from_secs(2) {
            distinct(&output, count).await?
        } else {
            BTreeSet::new()
        };
        if ids.len() as u64 >= wanted || moved.elapsed() > PATIENCE {
            let ids = distinct(&output, count).await?;
            return Ok(Kill {
                lost: (wanted as usize).saturating_sub(ids.len()),
                duplicated: (count as usize).saturating_sub(ids.len()),
            });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Fills the stream that it reads, and a marker for each 5,000 messages.
pub(crate) async fn preload(
    client: &async_nats::Client,
    jetstream: &jetstream::Context,
    runner: &Runner,
    messages: u32,
) -> anyhow::Result<()> {
    for number in 0..messages {
        let message = order::order(&format!("order-{number:08}"), number % 2 == 0);
        // Every other one is filtered out: two of a kind, so that partitions have the same of each.
        let subject = &runner.subjects[number as usize / 2 % runner.subjects.len()];
        client.publish(subject.clone(), message).await?;
        // A stop now and then, so that the server's queue for the stream does not overflow.
        if number % 5_000 == 4_999 {
            let marker = order::order("last", false);
            jetstream.publish(subject.clone(), marker).await?.await?;
        }
    }
    client.flush().await?;
    let mut input = jetstream.get_stream(&runner.input).await?;
    let wanted = u64::from(messages + messages / 5_000);
    for _ in 0..600 {
        if input.info().await?.state.messages >= wanted {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the input was not stored")
}

/// Polls until the stream has more than `count` messages; how many it has.
pub(crate) async fn count_beyond(output: &mut stream::Stream, count: u64) -> anyhow::Result<u64> {
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        let now = output.info().await?.state.messages;
        if now > count {
            return Ok(now);
        }
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        anyhow::ensure!(moved.elapsed() < PATIENCE, "stands still at {now} outputs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Nothing unacknowledged, nothing delivered twice.
async fn settled(jetstream: &jetstream::Context, runner: &Runner) -> anyhow::Result<()> {
    let input = jetstream.get_stream(&runner.input).await?;
    let mut last = String::new();
    for _ in 0..100 {
        let consumers: Vec<_> = input.consumers().collect().await;
        let consumers: Vec<consumer::Info> = consumers.into_iter().collect::<Result<_, _>>()?;
        let open: usize = consumers.iter().map(|it| it.num_ack_pending).sum();
        let again: usize = consumers.iter().map(|it| it.num_redelivered).sum();
        if open == 0 && again == 0 {
            return Ok(());
        }
        last = format!("{open} unacknowledged, {again} redelivered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{}: {last}: the row is void", runner.name())
}

async fn warm_up(
    client: &async_nats::Client,
    runner: &Runner,
    arrivals: &mut async_nats::Subscriber,
) -> anyhow::Result<()> {
    for _ in 0..400 {
        client
            .publish(runner.subjects[0].clone(), order::order("warm", true))
            .await?;
        client.flush().await?;
        let next = tokio::time::timeout(Duration::from_millis(50), arrivals.next()).await;
        if next.is_ok() {
            // What is still under way from here carries an id that is no time, and is not counted.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(());
        }
    }
    anyhow::bail!("{} does not start", runner.name())
}

async fn distinct(output: &stream::Stream, count: u64) -> anyhow::Result<BTreeSet<String>> {
    let consumer = output
        .create_consumer(consumer::pull::Config {
            ack_policy: consumer::AckPolicy::None,
            ..consumer::pull::Config::default()
        })
        .await?;
    let mut ids = BTreeSet::new();
    let mut messages = consumer.messages().await?;
    for _ in 0..count {
        let next = tokio::time::timeout(Duration::from_secs(10), messages.next()).await?;
        let message = next.context("the stream ended")??;
        ids.extend(order::id(&message.payload));
    }
    Ok(ids)
}

fn nanoseconds() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos())
}
