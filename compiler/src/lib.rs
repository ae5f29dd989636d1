//! World in, plan and diagnostics out: pure and total.
//!
//! [`compile`] has no IO, no clock and no environment; it cannot fail, it can only report. The same
//! World gives byte-equal results, whatever the order of its documents. A [`Compiler`] gives the same
//! results again and again, in the time of what has changed.
//!
//! ```text
//! parse ──► signature ──► resolve, traffic, body (check) ──► lower
//! text      who, what      what is wrong, what is proved      plan
//! ```

mod body;
mod builtin;
mod check;
mod compile;
mod contract;
mod environment;
mod groups;
mod kinds;
mod lower;
mod object;
mod parse;
mod path;
mod place;
mod report;
mod resolve;
mod shape;
mod signature;
mod traffic;
mod yaml;

pub mod codes;
pub mod diagnostic;
pub mod world;

pub use compile::{Compiled, Compiler, compile};
pub use diagnostic::{Code, Diagnostic, Help, Label, ObjectName, Patch, Severity};
pub use place::locate;
pub use world::{Document, Incumbents, Repository, World};
