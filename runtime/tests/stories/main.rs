//! What the runtime promises, shown on a real server with real processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

mod changing;
mod crashing;
mod credentials;
mod denied;
mod endpoint;
mod failing;
mod flowing;
mod health;
mod leftover;
mod poison;
mod programs;
mod relay;
mod scaling;
mod server;
mod world;
