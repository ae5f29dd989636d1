//! Acme sells, globex ships, and things go wrong on the way.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use vrsky_e2e::event::Event;
use vrsky_e2e::{Dev, Folder, Ledger, Receiver, fulfilment, process};

use super::arguments::Arguments;
use super::flood::{self, Waves};
use super::narrate::Narrator;

const GRANT: &str = "acme/grant.yaml";
const SHIPPING: &str = "globex/flow.yaml";
/// How long a wave may take to arrive.
const ENOUGH: Duration = Duration::from_mins(1);

/// Tells it from beginning to end.
pub(crate) async fn tell(arguments: &Arguments) -> anyhow::Result<()> {
    let mut narrator = Narrator::begin();
    let receiver = Receiver::start().await?;
    let folder = Folder::example("06-cross-tenant", receiver.url())?;
    let place = folder.path().to_owned();
    let mut ledger = Ledger::default();
    let mut waves = Waves::new();
    let mut saves = Vec::new();

    narrator.chapter("Two companies, one compiler");
    narrator.say(
        "acme's webhook takes orders; a filter and a map shape them; the topic `orders` shares\n\
         them with globex under a Grant; globex sends them to its warehouse and into a file.",
    );
    let dev = Dev::start(folder.path()).await?;
    let shop = format!("{}/shop", dev.url("acme")?);
    narrator.say(&format!("All of it runs. The shop posts to {shop}"));

    narrator.chapter("Orders come in, some of them poisonous; globex' runtime is killed with -9");
    let first = waves.take(arguments.orders * 6 / 10);
    let mut wanted = fulfilment::note(&mut ledger, first.clone(), true);
    let killed = kill_on_the_way(&dev, &receiver, wanted / 3);
    let (posted, killed) = tokio::join!(flood::post(&shop, first.clone()), killed);
    let (mut posted, killed) = (posted?, killed?);
    narrator.say(&format!(
        "{} orders accepted; process {} was killed after {} arrivals and was back after {} ms.",
        posted.accepted.len(),
        killed.pid,
        killed.after,
        killed.back.as_millis()
    ));
    fulfilment::wait_delivered(&receiver, wanted, ENOUGH).await?;
    narrator.say(&format!(
        "{wanted} of them had to arrive at the warehouse, and did."
    ));

    narrator.chapter("A slip of the pen");
    let good = folder.read(SHIPPING)?;
    let mark = dev.mark();
    folder.write(SHIPPING, &good.replace(".total", ".totl"))?;
    let found = dev
        .wait(
            mark,
            Duration::from_secs(10),
            "a finding",
            |event| match event {
                Event::Diagnostics { diagnostics, .. } => diagnostics.first().cloned(),
                _ => None,
            },
        )
        .await?;
    narrator.say(&format!(
        "globex saves `.totl`: {} {}, at {}:{}. What ran keeps running.",
        found.code,
        found.headline,
        found.primary.origin.rsplit('/').next().unwrap_or_default(),
        found.primary.line
    ));
    let slip = waves.take(arguments.orders / 10);
    wanted += fulfilment::note(&mut ledger, slip.clone(), true);
    posted
        .accepted
        .extend(flood::post(&shop, slip).await?.accepted);
    fulfilment::wait_delivered(&receiver, wanted, ENOUGH).await?;
    for attempts in [30, 31, 32] {
        let edited = good.replace("attempts: 20", &format!("attempts: {attempts}"));
        saves.push(save(&dev, &folder, SHIPPING, &edited).await?);
    }
    narrator.say("Mended, and saved three times more with other retries.");

    narrator.chapter("Acme takes the grant back, by editing its file");
    let granted = folder.read(GRANT)?;
    let accepted = posted.accepted.len() as u64;
    fulfilment::wait_idle(&dev, "acme/shop-orders", accepted).await?;
    saves.push(
        save(
            &dev,
            &folder,
            GRANT,
            &format!("{}\n  revoked: true\n", granted.trim_end()),
        )
        .await?,
    );
    let before = fulfilment::distinct(&receiver);
    let meanwhile = waves.take(arguments.orders / 10);
    fulfilment::note(&mut ledger, meanwhile.clone(), false);
    posted
        .accepted
        .extend(flood::post(&shop, meanwhile.clone()).await?.accepted);
    let accepted = posted.accepted.len() as u64;
    fulfilment::wait_idle(&dev, "acme/shop-orders", accepted).await?;
    narrator.say(&format!(
        "revoked: true. {} orders posted since; {} of them reached globex.",
        meanwhile.len(),
        fulfilment::distinct(&receiver) - before
    ));

    narrator.chapter("And gives it again");
    saves.push(save(&dev, &folder, GRANT, &granted).await?);
    let last = waves.take(arguments.orders - meanwhile.end);
    wanted += fulfilment::note(&mut ledger, last.clone(), true);
    posted
        .accepted
        .extend(flood::post(&shop, last.clone()).await?.accepted);
    fulfilment::wait_delivered(&receiver, wanted, ENOUGH).await?;
    let accepted = posted.accepted.len() as u64;
    fulfilment::wait_idle(&dev, "acme/shop-orders", accepted).await?;
    narrator.say(&format!(
        "{} more orders; the shared ones arrive again.",
        last.len()
    ));

    narrator.chapter("The ledger");
    for id in posted.accepted {
        ledger.accept(id);
    }
    fulfilment::settle(&mut ledger, &dev, &receiver).await?;
    let verdict = ledger.judge();
    narrator.say(&verdict.to_string());
    let (written, lines) = fulfilment::in_file(&folder)?;
    let arrived = receiver.ids("/warehouse", "order");
    narrator.say(&format!(
        "  the file has {} orders on {lines} lines, {} the warehouse's",
        written.len(),
        if written == arrived {
            "the same as"
        } else {
            "others than"
        }
    ));
    saves.sort_unstable();
    narrator.say(&format!(
        "  a save took effect after {} ms (median of {}; slowest {} ms)",
        saves[saves.len() / 2].as_millis(),
        saves.len(),
        saves[saves.len() - 1].as_millis()
    ));

    let status = dev.stop()?;
    drop(folder);
    let left = process::with_argument(&place.to_string_lossy());
    anyhow::ensure!(status.success(), "vrsky dev ended with {status}");
    anyhow::ensure!(
        left.is_empty() && !place.exists(),
        "something was left behind: {left:?} {}",
        place.display()
    );
    narrator.say(&format!(
        "\nNothing is left behind. {:.0} s in all.",
        narrator.seconds()
    ));
    anyhow::ensure!(
        verdict.is_clean(),
        "the ledger does not balance: {verdict:?}"
    );
    anyhow::ensure!(written == arrived, "the file and the warehouse differ");
    Ok(())
}

struct Killed {
    pid: u32,
    after: usize,
    back: Duration,
}

/// Kills globex' runtime once so many orders have arrived.
async fn kill_on_the_way(
    dev: &Dev,
    receiver: &Receiver,
    arrivals: usize,
) -> anyhow::Result<Killed> {
    let seen = || Some(receiver.count_at("/warehouse")).filter(|it| *it >= arrivals);
    let after = vrsky_e2e::until(Duration::from_mins(1), seen)
        .await
        .context("orders do not arrive")?;
    let began = Instant::now();
    let pid = dev.kill_runtime("globex")?;
    dev.wait_runtime("globex", pid, Duration::from_secs(20))
        .await?;
    Ok(Killed {
        pid,
        after,
        back: began.elapsed(),
    })
}

/// Saves a file; how long until it was in effect, as the one who saved sees it.
async fn save(dev: &Dev, folder: &Folder, file: &str, text: &str) -> anyhow::Result<Duration> {
    let mark = dev.mark();
    let began = Instant::now();
    folder.write(file, text)?;
    dev.wait_applied(mark).await?;
    Ok(began.elapsed())
}
