//! Executes flow programs, given an address, credentials and a name, and nothing else.

pub mod connectors;
pub mod intake;
pub mod secrets;
