//! What compiling, running and checking cost: `cargo run --release -p vrsky-expression --example bench`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use vrl::value::Value;
use vrsky_expression::{Filter, Map, Message};
use vrsky_types::Contract;

fn main() {
    let schema = json!({
        "type": "object",
        "required": ["id", "total", "country", "items", "customer"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string"}, "total": {"type": "number"}, "country": {"type": "string"},
            "status": {"type": "string"}, "email": {"type": ["string", "null"]},
            "items": {"type": "array", "items": {
                "type": "object", "required": ["sku", "quantity"], "additionalProperties": false,
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
            }},
            "customer": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
    });
    let order = json!({
        "id": "order-000001", "total": 129.9, "country": "DE", "status": "paid", "email": "ada@example.com",
        "items": [{"sku": "A-1", "quantity": 2}, {"sku": "B-22", "quantity": 1}, {"sku": "C-333", "quantity": 7}],
        "customer": {"name": "Ada Lovelace", "street": "12 St James's Square", "city": "London"},
    });
    println!("an order has {} bytes", order.to_string().len());
    let contract = Contract::new(schema.clone()).unwrap();
    let general = Contract::new(json!({"allOf": [schema.clone()]})).unwrap();
    let input = contract.payload();
    let filter = ".status == \"paid\" && .country == \"DE\"";
    let map = ". = {\"ref\": .id, \"amount\": .total, \"country\": downcase(.country), \"lines\": length(.items)}";
    let compiled_filter = Filter::compile(filter, input).unwrap().0;
    let compiled_map = Map::compile(map, input).unwrap().0;
    let payload = Value::from(order);
    let metadata = Value::from(json!({"id": "1", "time": "2026-01-01T00:00:00Z"}));
    let mut message = Message {
        payload: payload.clone(),
        metadata: metadata.clone(),
    };

    time("compile a contract", 2_000, || {
        drop(black_box(Contract::new(schema.clone())));
    });
    time("compile a filter", 5_000, || {
        drop(black_box(Filter::compile(filter, input)));
    });
    time("compile a map", 5_000, || {
        drop(black_box(Map::compile(map, input)));
    });
    time("check an order", 200_000, || {
        drop(black_box(contract.check(&payload)));
    });
    time("check an order by jsonschema", 100_000, || {
        drop(black_box(general.check(&payload)));
    });
    time("run a filter", 200_000, || {
        drop(black_box(compiled_filter.run(&mut message)));
    });
    time("copy an order", 200_000, || {
        drop(black_box(payload.clone()));
    });
    time("copy an order and run a map", 100_000, || {
        let mut message = Message {
            payload: payload.clone(),
            metadata: metadata.clone(),
        };
        drop(black_box(compiled_map.run(&mut message)));
    });
}

fn time(what: &str, times: u32, mut run: impl FnMut()) {
    for _ in 0..times / 10 {
        run();
    }
    let start = Instant::now();
    for _ in 0..times {
        run();
    }
    println!(
        "{what:<32} {:>9.3} µs",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
    );
}
