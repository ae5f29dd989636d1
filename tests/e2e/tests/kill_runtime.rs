//! Runtimes are killed with -9, again and again, while orders pass through two tenants: none is lost,
//! none is made up, and duplicates are seen. `cargo xtask chaos` runs the long form.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs
)]

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
        patience: Duration::from_mins(2),
        ..Poster::to(format!("{}/shop", dev.url("acme").unwrap()))
    };
    // One share of the orders after the other; in the middle of each, a runtime dies.
    let (mut posted, mut again) = (Vec::new(), 0);
    for kill in 0..kills {
        let share = messages * kill / kills..messages * (kill + 1) / kills;
        let tenant = if kill % 2 == 0 { "globex" } else { "acme" };
        let posting = poster.post(share.map(|number| Order(number).post()));
        let (done, ()) = tokio::join!(posting, kill_amid(&dev, &receiver, tenant));
        let done = done.unwrap();
        assert!(
            done.refused.is_empty() && done.given_up.is_empty(),
            "{done:?}"
        );
        posted.extend(done.accepted);
        again += done.repeated;
    }
    fulfilment::wait_delivered(&receiver, wanted, Duration::from_mins(3))
        .await
        .unwrap();
    for id in posted {
        ledger.accept(id);
    }
    fulfilment::wait_buried(&ledger, &dev, Duration::from_mins(1))
        .await
        .unwrap();
    fulfilment::settle(&mut ledger, &dev, &receiver)
        .await
        .unwrap();
    let verdict = ledger.judge();
    println!("{kills} kills, {again} posts repeated\n{verdict}");
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

/// Kills a tenant's runtime once orders of this share have begun to arrive.
async fn kill_amid(dev: &Dev, receiver: &Receiver, tenant: &str) {
    let before = receiver.count_at("/warehouse");
    let begun = || (receiver.count_at("/warehouse") >= before + 20).then_some(());
    let begun = vrsky_e2e::until(Duration::from_mins(2), begun).await;
    assert!(begun.is_some(), "no order arrives\n{}", dev.said());
    let pid = dev.kill_runtime(tenant).unwrap();
    dev.wait_runtime(tenant, pid, Duration::from_mins(1))
        .await
        .unwrap();
}
