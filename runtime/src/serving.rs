//! Serves HTTP with a bound on every wait.
//!
//! Stops when its token is cancelled: no new connections, requests under way are answered, then the
//! connections are closed, after ten seconds at the latest.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take to send its headers, or to come back on an open connection.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// The largest request line and headers in bytes.
const HEADER_BYTES: usize = 32 * 1024;
/// How long connections may take to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop`, and until the connections are closed. More than `connections` at a time wait
/// in the system's queue.
pub(crate) async fn serve(
    socket: TcpListener,
    router: Router,
    connections: usize,
    stop: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(connections));
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
