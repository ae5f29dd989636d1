//! Makes what tenants commit true in NATS and Kubernetes, and writes status back.
//!
//! ```text
//! watch ──► World ──► compile ──► reconcile(Plan, Observed) -> Vec<Action> ──► apply ──► status
//!                                 (pure; never reads the cluster)              (never decides)
//! ```

pub mod apply;
pub mod autoscale;
pub mod config;
pub mod events;
#[cfg(test)]
mod fake_api;
pub mod health;
pub mod index;
pub mod inventory;
pub mod kinds;
pub mod leader;
pub mod names;
pub mod objects;
pub mod operator;
pub mod options;
pub mod own;
mod packed;
pub mod pods;
pub mod ready;
pub mod reconcile;
pub mod reports;
pub mod run;
pub mod status;
pub mod uninstall;
pub mod warnings;
pub mod watch;
pub mod world;

pub use options::Options;
pub use run::run;
