//! World in, plan and diagnostics out: pure and total.
//!
//! [`compile`] has no IO, no clock and no environment; it cannot fail, it can only report. The same
//! World gives byte-equal results, whatever the order of its documents.

mod compile;
pub mod codes;
pub mod diagnostic;
pub mod world;

pub use compile::{Compiled, compile};
pub use diagnostic::{Code, Diagnostic, Help, Label, ObjectName, Patch, Severity};
pub use world::{Document, Repository, World};
