//! The process's HTTP listener.
//!
//! Stops when its token is cancelled: no new connections, requests under way are answered, then the
//! connections are closed, after ten seconds at the latest.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vrsky_plan::TenantName;

use super::request;
use super::routes::Routes;

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// How long a client may take to send its headers, or to come back on an open connection.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// The largest request line and headers in bytes.
const HEADER_BYTES: usize = 32 * 1024;
/// Bytes of bodies at a time.
const BODY_BYTES: usize = 64 * 1024 * 1024;
/// How long connections may take to end.
const DRAIN: Duration = Duration::from_secs(10);

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
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = async {
                    let permit = connections.clone().acquire_owned().await;
                    (permit, socket.accept().await)
                } => accepted,
            };
            let (permit, Ok((stream, _peer))) = accepted else {
                // Out of file descriptors, say: try again a little later.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (router, stop) = (router.clone(), stop.clone());
            tasks.spawn(async move {
                connection(stream, router, stop).await;
                drop(permit);
            });
        }
        drop(socket);
        tasks.close();
        tasks.wait().await;
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

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let _slower_without = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // The client is gone or broke the protocol: it has its answer, if any.
        _ended = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ended = timeout(DRAIN, connection).await;
        }
    }
}

async fn answer(State(listener): State<Listener>, request: Request) -> Response {
    request::answer(&listener, request).await
}
