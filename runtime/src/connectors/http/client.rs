//! The process's HTTP client.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

/// The longest wait for a connection; a sink's own timeout may be shorter.
const CONNECT: Duration = Duration::from_secs(10);

/// A client with a pool of connections. It follows no redirects (they could lead anywhere, with the
/// credentials), uses no proxy from the environment, and trusts the system's roots; where the system has
/// none, only plain HTTP works.
pub fn client() -> Client {
    // Fails if the process has a provider already: that one is used then.
    let _already = rustls::crypto::ring::default_provider().install_default();
    builder().build().unwrap_or_else(|error| {
        tracing::warn!(
            reason = super::super::failure::innermost(&error),
            "no HTTPS"
        );
        let client = builder().tls_certs_only([]).build();
        client.expect("without roots nothing is read that could be missing")
    })
}

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(32)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("vrsky/", env!("CARGO_PKG_VERSION")))
}
