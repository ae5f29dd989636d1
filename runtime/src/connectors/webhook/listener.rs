//! The process's HTTP listener for webhooks.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use vrsky_plan::TenantName;

use super::request;
use super::routes::Routes;
use crate::serving;

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// Bytes of bodies at a time.
const BODY_BYTES: usize = 64 * 1024 * 1024;

/// Where webhooks are reached: `http://<address>/<tenant>/<path>`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Listener(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Until it is served: then the port is closed as soon as serving stops.
    socket: Mutex<Option<TcpListener>>,
    address: SocketAddr,
    tenant: TenantName,
    routes: Routes,
    body_bytes: Arc<Semaphore>,
}

impl Listener {
    /// Opens the port; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, tenant: TenantName) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self(Arc::new(Shared {
            socket: Mutex::new(Some(socket)),
            address,
            tenant,
            routes: Routes::default(),
            body_bytes: Arc::new(Semaphore::new(BODY_BYTES)),
        })))
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Serves until `stop`, and until the connections are closed. A second call does nothing.
    pub async fn serve(&self, stop: CancellationToken) {
        let socket = self
            .0
            .socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(socket) = socket else { return };
        let router = Router::new().fallback(answer).with_state(self.clone());
        serving::serve(socket, router, CONNECTIONS, stop).await;
    }

    pub(super) fn routes(&self) -> &Routes {
        &self.0.routes
    }

    pub(super) fn body_bytes(&self) -> &Arc<Semaphore> {
        &self.0.body_bytes
    }

    /// The path below the tenant's own. None: it is another tenant's.
    pub(super) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix('/')?.strip_prefix(self.0.tenant.as_str())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{}{path}", self.0.address, self.0.tenant)
    }
}

async fn answer(State(listener): State<Listener>, request: Request) -> Response {
    request::answer(&listener, request).await
}
