//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use vrsky_plan::TenantId;

/// Executes the flow programs of one tenant.
#[derive(Clone, Debug, Parser)]
#[command(name = "vrsky-runtime", version, about)]
pub struct Options {
    /// The NATS server's address.
    #[arg(long, env = "VRSKY_NATS", default_value = "nats://127.0.0.1:4222")]
    pub nats: String,
    /// The file with the user's JWT and key. Without it the connection is anonymous, which only a
    /// server without accounts allows: for tests.
    #[arg(long, env = "VRSKY_CREDS")]
    pub creds: Option<PathBuf>,
    /// The tenant's id in NATS.
    #[arg(long, env = "VRSKY_TENANT_ID", value_parser = tenant_id)]
    pub tenant_id: TenantId,
    /// Where webhooks are served.
    #[arg(long, env = "VRSKY_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served. Without it they are not.
    #[arg(long, env = "VRSKY_HEALTH")]
    pub health: Option<SocketAddr>,
    /// The folder of secrets: `<namespace>/<secret>/<key>` files.
    #[arg(long, env = "VRSKY_SECRETS", default_value = "secrets")]
    pub secrets: PathBuf,
}

fn tenant_id(text: &str) -> Result<TenantId, String> {
    TenantId::new(text).map_err(|error| error.to_string())
}
