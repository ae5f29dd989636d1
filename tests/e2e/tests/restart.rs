//! The state survives a restart of dev, in good order and after a kill; `--fresh` is not needed.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::time::Duration;

use vrsky_e2e::orders::Order;
use vrsky_e2e::poster::Poster;
use vrsky_e2e::{Answer, Dev, Folder, Ledger, Receiver, fulfilment, process};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_arrives_after_a_restart() {
    let receiver = Receiver::start().await.unwrap();
    let folder = Folder::example("06-cross-tenant", receiver.url()).unwrap();
    let mut ledger = Ledger::default();
    let wanted = fulfilment::note(&mut ledger, 0..600, true);

    // The warehouse is closed: what is accepted waits in transit.
    receiver.answer("/warehouse", Answer::status(503));
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/shop", dev.url("acme").unwrap()));
    let orders = (0..300).map(|number| Order(number).post());
    for id in poster.post(orders).await.unwrap().accepted {
        ledger.accept(id);
    }
    assert!(dev.stop().unwrap().success());

    // Once more, and this time nothing is put away in good order.
    let dev = Dev::start(folder.path()).await.unwrap();
    let poster = Poster::to(format!("{}/shop", dev.url("acme").unwrap()));
    let orders = (300..600).map(|number| Order(number).post());
    for id in poster.post(orders).await.unwrap().accepted {
        ledger.accept(id);
    }
    let pid = dev.pid();
    process::kill(pid).unwrap();
    let mut left = process::with_argument(&folder.path().to_string_lossy());
    left.retain(|pid| *pid != std::process::id());
    drop(dev);

    receiver.answer("/warehouse", Answer::status(200));
    let dev = Dev::start(folder.path()).await.unwrap();
    fulfilment::wait_delivered(&receiver, wanted, Duration::from_mins(1))
        .await
        .unwrap();
    fulfilment::wait_buried(&ledger, &dev, Duration::from_secs(30))
        .await
        .unwrap();
    fulfilment::settle(&mut ledger, &dev, &receiver)
        .await
        .unwrap();
    let verdict = ledger.judge();
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(verdict.accepted, 600);
    let alive: Vec<u32> = left
        .into_iter()
        .filter(|pid| process::is_alive(*pid))
        .collect();
    assert_eq!(
        alive,
        Vec::<u32>::new(),
        "processes of the killed dev still run"
    );
    let place = folder.path().to_owned();
    assert!(dev.stop().unwrap().success());
    assert_eq!(
        process::with_argument(&place.to_string_lossy()),
        Vec::<u32>::new()
    );
}
