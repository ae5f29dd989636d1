//! The health contract: the table of docs/status.md row by row, and what holds of every status.
//! Judged as Flux, Argo CD and kubectl judge it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../judges/argo.rs"]
mod argo;
#[path = "../judges/kstatus.rs"]
mod kstatus;
#[path = "../judges/kubectl.rs"]
mod kubectl;

mod situation;

mod judges;
mod properties;
mod table;
mod table_others;
mod table_withheld;
mod table_zero;
mod time;
mod words;
