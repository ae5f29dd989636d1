//! Messages go where the program says, and leave nothing behind.

use vrsky_plan::program::Condition;

use crate::programs::{Build, numbers, program, when};
use crate::world::{World, header, until};

#[tokio::test]
async fn a_filter_and_a_map_shape_what_the_readers_of_a_topic_get() {
    let mut world = World::new().await;
    let program = program("orders")
        .filter(".n < 600")
        .map(". = {\"double\": .n * 2}")
        .topic("out", Condition::Always, &["e.shop_reader.in"]);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world.running(&program).await;
    world.feed("e.shop_orders.in", numbers(0..1_000)).await;
    until("600 outputs", || async {
        world.transit("e.shop_reader.in").await == 600
    })
    .await;
    until("an empty edge", || async {
        world.transit("e.shop_orders.in").await == 0
    })
    .await;
    world
        .report(&program.flow, |r| {
            r.counters.filtered == 400 && r.counters.delivered.get("out") == Some(&600)
        })
        .await;
    let messages = world.read("e.shop_reader.in").await;
    let first = &messages[0];
    assert_eq!(first.payload.as_ref(), br#"{"double":0}"#);
    assert_eq!(header(first, "Vrsky-Message"), "m0");
}

#[tokio::test]
async fn each_sink_gets_what_its_condition_lets_through() {
    let mut world = World::new().await;
    let program = program("fan")
        .topic("even", when("mod(.n, 2) == 0"), &["e.shop_even.in"])
        .topic(
            "third",
            when("mod(.n, 3) == 0"),
            &["e.shop_third.in", "e.shop_also.in"],
        )
        .topic("rest", Condition::Otherwise, &["e.shop_rest.in"])
        .topic("nobody", Condition::Always, &[]);
    world.put(program.clone()).await;
    let _runtime = world.runtime();
    world.feed("e.shop_fan.in", numbers(0..600)).await;
    until("an empty edge", || async {
        world.transit("e.shop_fan.in").await == 0
    })
    .await;
    assert_eq!(world.transit("e.shop_even.in").await, 300);
    assert_eq!(world.transit("e.shop_third.in").await, 200);
    assert_eq!(world.transit("e.shop_also.in").await, 200);
    assert_eq!(world.transit("e.shop_rest.in").await, 200);
    // One wait for both: what nobody reads is counted before the third has its acknowledgements.
    world
        .report(&program.flow, |r| {
            r.counters.unread == 600 && r.counters.delivered.get("third") == Some(&200)
        })
        .await;
}
