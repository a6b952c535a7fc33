//! Accepts connections and serves a function on them, each within bounds, until told to stop. Not what is served.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A client must have sent its headers by then, also between two requests of one connection.
const HEADERS_SECONDS_MAX: Duration = Duration::from_secs(15);
/// Headers of Event Grid come to about a kilobyte; ten delivery properties may add 4 KiB each.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Headers of Event Grid are about twenty.
const HEADERS_MAX: usize = 100;
/// How long to rest when the machine cannot open another connection.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets open requests finish for `drain` at most.
pub async fn serve(
    listener: TcpListener,
    service: Router,
    connections_max: usize,
    stop: CancellationToken,
    drain: Duration,
) {
    let connections = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &connections)).await {
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_SECONDS_MAX)
            .max_buf_size(HEADER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection);
        tasks.spawn(async move {
            // A client that breaks off, or sends what is no HTTP, hurts only itself.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the time to drain was over");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}
