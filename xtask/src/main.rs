//! The one menu for developers: demo, test, bench, docs.
fn main() {}
