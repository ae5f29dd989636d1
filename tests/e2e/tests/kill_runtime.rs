//! Runtimes are killed with -9, again and again, while orders pass through two tenants: none is lost,
//! none is made up, and duplicates are seen. `cargo xtask chaos` runs the long form.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::time::Duration;

use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Dev, Folder, Ledger, Receiver, fulfilment};

fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_runtimes_lose_nothing() {
    let messages = number("VRSKY_MESSAGES", 20_000);
    let kills = number("VRSKY_KILLS", 20);
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let dev = Dev::start(folder.path()).await.unwrap();
    let mut ledger = Ledger::default();
    let wanted = fulfilment::note(&mut ledger, 0..messages, true);

    let poster = Poster {
        patience: Duration::from_secs(120),
        ..Poster::to(format!("{}/shop", dev.url("acme").unwrap()))
    };
    let posting = poster.post((0..messages).map(|number| Order(number).post()));
    let killing = kill(&dev, &receiver, kills, wanted);
    let (posted, killed) = tokio::join!(posting, killing);
    let posted = posted.unwrap();
    assert!(
        posted.refused.is_empty() && posted.given_up.is_empty(),
        "{posted:?}"
    );
    assert_eq!(killed, kills, "not all kills hit while orders passed");

    fulfilment::wait_delivered(&receiver, wanted, Duration::from_secs(180))
        .await
        .unwrap();
    let again = posted.repeated;
    for id in posted.accepted {
        ledger.accept(id);
    }
    fulfilment::wait_buried(&ledger, &dev, Duration::from_secs(60))
        .await
        .unwrap();
    fulfilment::settle(&mut ledger, &dev, &receiver)
        .await
        .unwrap();
    let verdict = ledger.judge();
    println!("{killed} kills, {again} posts repeated\n{verdict}");
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(verdict.accepted, messages as usize);
    assert!(
        verdict.duplicated > 0,
        "no duplicate was seen: the kills hit nothing"
    );
    let (written, _) = fulfilment::in_file(&folder).unwrap();
    assert_eq!(
        written,
        receiver.ids("/warehouse", "order"),
        "the file and the warehouse differ"
    );
    assert!(dev.stop().unwrap().success());
}

/// Kills globex' and acme's runtime in turn, each time when the next share of the orders has arrived.
async fn kill(dev: &Dev, receiver: &Receiver, kills: u32, wanted: usize) -> u32 {
    let mut killed = 0;
    for kill in 1..=kills {
        let arrivals = wanted * kill as usize / (kills as usize + 1);
        let arrived = || (receiver.count_at("/warehouse") >= arrivals).then_some(());
        let limit = Duration::from_secs(120);
        vrsky_e2e::until(limit, arrived).await.unwrap_or_else(|| {
            panic!(
                "before kill {kill}: {} of {arrivals} arrived\n{}",
                receiver.count_at("/warehouse"),
                dev.said()
            )
        });
        if receiver.count_at("/warehouse") >= wanted {
            break;
        }
        let tenant = if kill % 2 == 0 { "acme" } else { "globex" };
        let pid = dev.kill_runtime(tenant).unwrap();
        dev.wait_runtime(tenant, pid, Duration::from_secs(60))
            .await
            .unwrap();
        killed += 1;
    }
    killed
}
