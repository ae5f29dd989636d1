//! Executes flow programs, given an address, credentials and a name.
fn main() {}
