//! One plain nats-server for all runners: no accounts, since mq-bridge knows no credentials files.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::{self, stream};
use tempfile::TempDir;

/// A nats-server with a store of its own. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
    _store: TempDir,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let store = tempfile::Builder::new().prefix("vrsky-bench-").tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let child = Command::new(binary)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            child,
            url: format!("nats://127.0.0.1:{port}"),
            _store: store,
        };
        for _ in 0..200 {
            if async_nats::connect(&server.url).await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!("nats-server did not start")
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client.
    pub(crate) async fn client(&self) -> anyhow::Result<async_nats::Client> {
        let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
        Ok(options.connect(&self.url).await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a stream anew: R1, file, limits retention.
pub(crate) async fn make(
    jetstream: &jetstream::Context,
    name: &str,
    subject: &str,
    per_subject: i64,
) -> anyhow::Result<()> {
    let _ = jetstream.delete_stream(name).await;
    jetstream
        .create_stream(stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            max_messages_per_subject: per_subject,
            allow_direct: true,
            ..stream::Config::default()
        })
        .await
        .with_context(|| format!("cannot make the stream {name}"))?;
    Ok(())
}
