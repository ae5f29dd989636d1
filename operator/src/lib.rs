//! Makes what tenants commit true in NATS and Kubernetes, and writes status back.
//!
//! ```text
//! watch ──► World ──► compile ──► reconcile(Plan, Observed) -> Vec<Action> ──► apply ──► status
//!                                 (pure; never reads the cluster)              (never decides)
//! ```

pub mod status;
