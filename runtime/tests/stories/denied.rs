//! What the server does not permit is said at once, by its subject, and loses nothing.

use vrsky_plan::program::Condition;
use vrsky_plan::report::State;

use crate::programs::{Build, numbers, program};
use crate::server::Server;
use crate::world::{World, until};

/// A world whose runtime may publish everything but this.
async fn denying(subject: &str) -> World {
    World::on(Server::denying(subject), 1_000_000, 1_000_000).await
}

#[tokio::test]
async fn a_denied_output_names_its_subject_and_its_messages_wait() {
    let mut world = denying("e.shop_reader.in").await;
    let program = program("out").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let runtime = world.runtime();
    world.feed("e.shop_out.in", numbers(0..20)).await;
    let denied = "a publish waits: permission denied: e.shop_reader.in";
    let report = world
        .report(&program.flow, |r| {
            r.last_error.as_ref().is_some_and(|e| e.message == denied)
        })
        .await;
    assert_eq!(report.last_error.unwrap().path, "spec.sinks.out");
    // No publish ran into its timeout.
    assert!(!runtime.log().contains("no answer in time"));
    assert_eq!(world.transit("e.shop_out.in").await, 20);
    assert_eq!(world.dead_letters("d.>").await, 0);
}

#[tokio::test]
async fn denied_dead_letters_block_the_flow_by_their_right_name() {
    let mut world = denying("d.>").await;
    let program = program("bad").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let bad = [("m1".to_owned(), "no json".to_owned())];
    world.feed("e.shop_bad.in", bad).await;
    let reason = "dead letters are not stored: permission denied: d.shop_bad.source";
    let blocked = |state: &State| matches!(state, State::Blocked { reason: r, .. } if r == reason);
    world.report(&program.flow, |r| blocked(&r.state)).await;
    assert_eq!(world.transit("e.shop_bad.in").await, 1);
}

#[tokio::test]
async fn a_denied_pull_is_named_and_not_taken_for_silence() {
    let mut world = denying("$JS.API.CONSUMER.MSG.NEXT.T_acme1.>").await;
    let program = program("pull").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    let denied = "permission denied: $JS.API.CONSUMER.MSG.NEXT.T_acme1.shop_pull_in-";
    world
        .report(&program.flow, |r| {
            r.last_error
                .as_ref()
                .is_some_and(|e| e.message.starts_with(denied))
        })
        .await;
}

#[tokio::test]
async fn a_denied_request_fails_with_the_subject_in_the_log() {
    let mut world = denying("$KV.leases.>").await;
    let program = program("lease").topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program).await;
    let runtime = world.runtime();
    until("the subject in the log", || async {
        let denied = "permission denied: $KV.leases.acme1.shop_lease.in";
        runtime.log().contains(denied)
    })
    .await;
}
