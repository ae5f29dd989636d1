//! Makes the NATS part of a plan true.
//!
//! Used by `vrsky dev` and by the operator alike, so that development and production differ in
//! nothing but addresses. [`Keys`] hold the secrets and are kept by the caller; [`Server`] runs a
//! private nats-server; [`Broker`] compares what is with a [`vrsky_plan::Plan`] and writes the
//! difference; [`dead_letters`] and [`transit`] work with a tenant's own credentials and nothing else.

pub mod applied;
pub mod broker;
pub mod dead_letters;
pub mod error;
pub mod jwt;
pub mod keys;
pub mod reports;
pub mod server;
pub mod transit;
pub mod waiting;

mod accounts;
mod api;
mod apply;
mod grants;
mod order;
mod programs;
mod streams;

pub use applied::{Action, Applied, Ending, Failure, Revoked, Verb};
pub use broker::Broker;
pub use error::Error;
pub use keys::{Keys, Seed};
pub use server::{Server, ServerConfig, find_server};
