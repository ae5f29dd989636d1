//! The vrsky command: check, plan, dev, explain, dlq.
fn main() {}
