//! The configuration of a nats-server in operator mode.

use std::path::PathBuf;

use crate::accounts;
use crate::{Error, Keys, jwt};

/// How a private server is to run.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on.
    pub host: String,
    /// The port; `None` lets the system choose.
    pub port: Option<u16>,
    /// The folder of all its files: accounts, streams, log, process id.
    pub store_dir: PathBuf,
    /// The largest message in bytes, headers included.
    pub max_payload: usize,
    /// Bytes that streams may reserve in files. The limits of all accounts together must fit, or
    /// JetStream stays off for the last of them.
    pub max_file_store: u64,
    /// Bytes that streams and consumers may reserve in memory.
    pub max_memory_store: u64,
    /// The cluster that it belongs to, if any.
    pub cluster: Option<Cluster>,
}

/// Membership of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster's name.
    pub name: String,
    /// This server's name, unique in it.
    pub server: String,
    /// The port for its fellows.
    pub port: u16,
    /// The fellows' addresses, `nats://host:port`.
    pub routes: Vec<String>,
}

impl ServerConfig {
    /// A single server on a free port of 127.0.0.1, with all its files in `store_dir`.
    pub fn local(store_dir: impl Into<PathBuf>) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: None,
            store_dir: store_dir.into(),
            max_payload: 8 << 20,
            max_file_store: 4 << 40,
            max_memory_store: 64 << 30,
            cluster: None,
        }
    }

    /// The configuration file's text: operator mode, accounts in a full resolver on disk, the system
    /// and the platform account preloaded. It holds tokens, and no seed.
    pub fn render(&self, keys: &Keys) -> Result<String, Error> {
        let folder = self.store_dir.display();
        let name = self
            .cluster
            .as_ref()
            .map_or("vrsky", |cluster| cluster.server.as_str());
        Ok(format!(
            r#"server_name: "{name}"
listen: "{host}:{port}"
max_payload: {max_payload}
pid_file: "{folder}/nats-server.pid"
ports_file_dir: "{folder}"
{trust}resolver: {{ type: full, dir: "{folder}/accounts", allow_delete: true, interval: "10s" }}
jetstream: {{ store_dir: "{folder}/streams", max_file_store: {files}, max_memory_store: {memory} }}
{cluster}"#,
            host = self.host,
            port = self.port.map_or(-1, i32::from),
            max_payload = self.max_payload,
            trust = Self::trust(keys)?,
            files = self.max_file_store,
            memory = self.max_memory_store,
            cluster = self
                .cluster
                .as_ref()
                .map_or_else(String::new, Cluster::render),
        ))
    }

    /// The part that says whom a server trusts: the operator, the system account, and the accounts
    /// that are there before any is pushed. Servers that somebody else configures include it. It holds
    /// tokens, and no seed.
    pub fn trust(keys: &Keys) -> Result<String, Error> {
        let operator_key = keys.operator.pair()?;
        let system = accounts::system(keys)?;
        let platform = accounts::platform(keys)?;
        let system_id = keys.system.public()?;
        let operator = jwt::sign(
            &jwt::operator("vrsky", &operator_key.public_key(), &system_id),
            keys.created,
            &operator_key,
        )?;
        let system = jwt::sign(&system.claims(), keys.created, &operator_key)?;
        let platform_id = keys.platform.public()?;
        let platform = jwt::sign(&platform.claims(), keys.created, &operator_key)?;
        Ok(format!(
            "operator: {operator}
system_account: {system_id}
resolver_preload: {{
  {system_id}: {system}
  {platform_id}: {platform}
}}
"
        ))
    }
}

impl Cluster {
    fn render(&self) -> String {
        format!(
            "cluster: {{ name: \"{}\", listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
            self.name,
            self.port,
            self.routes.join(", ")
        )
    }
}
