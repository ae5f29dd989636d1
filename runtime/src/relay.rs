//! `vrsky-runtime relay URL`: bytes from standard input to NATS, and back to standard output.
//!
//! By it `kubectl vrsky dlq` reaches NATS from where the cluster's API server is all that can be reached.
//! It has no rights: whoever speaks through it brings credentials, and who starts it may run programs in
//! the pod anyway. TLS begins here: what comes by way of the API server is encrypted up to this process,
//! and only here the server has the name that its certificate says.

use std::io;
use std::sync::Arc;

use async_nats::ServerAddr;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A greeting is a few hundred bytes long, and a few thousand in a large cluster.
const LONGEST: usize = 1 << 20;

/// Ends with the first of the two sides.
pub async fn run(url: &str) -> io::Result<()> {
    let address: ServerAddr = url.parse()?;
    let mut server = TcpStream::connect((address.host(), address.port())).await?;
    let greeting = line(&mut server).await?;
    let mut greeting = parse(&greeting)?;
    if greeting["tls_required"] != true && !address.tls_required() {
        return pass(&greeting, server).await;
    }
    for field in ["tls_required", "tls_available", "tls_verify"] {
        greeting[field] = json!(false);
    }
    let name = ServerName::try_from(address.host().to_owned()).map_err(io::Error::other)?;
    let server = connector()?.connect(name, server).await?;
    pass(&greeting, server).await
}

async fn pass(greeting: &Value, server: impl AsyncRead + AsyncWrite) -> io::Result<()> {
    let (mut input, mut output) = (tokio::io::stdin(), tokio::io::stdout());
    let greeting = format!("INFO {greeting}\r\n");
    output.write_all(greeting.as_bytes()).await?;
    output.flush().await?;
    let (mut from, mut to) = tokio::io::split(server);
    tokio::select! {
        there = tokio::io::copy(&mut input, &mut to) => there.map(drop),
        back = tokio::io::copy(&mut from, &mut output) => back.map(drop),
    }
}

/// The first line, and not a byte of what follows.
async fn line(server: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(server.read_u8().await?);
        if line.len() > LONGEST {
            return Err(io::Error::other("the greeting has no end"));
        }
    }
    Ok(line)
}

/// What the server says of itself. <https://docs.nats.io/reference/reference-protocols/nats-protocol#info>
fn parse(greeting: &[u8]) -> io::Result<Value> {
    let said = greeting.strip_prefix(b"INFO ");
    let said = said.ok_or_else(|| io::Error::other("this is no NATS server"))?;
    Ok(serde_json::from_slice(said)?)
}

/// Trusts what the connection of a runtime trusts: the machine's authorities, or those that
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn connector() -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
