//! Accepts connections and serves a function on them, each within bounds, until told to stop. Not what is served.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::idle::{Idle, Seat};
use crate::telemetry::metrics::{Metrics, Shed};

mod idle;

/// A client must have sent its headers by then, also between two requests of one connection.
const HEADERS_SECONDS_MAX: Duration = Duration::from_secs(15);
/// Headers of Event Grid come to about a kilobyte; ten delivery properties may add 4 KiB each.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Headers of Event Grid are about twenty.
const HEADERS_MAX: usize = 100;
/// How long to rest when the machine cannot open another connection.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A connection that has been idle for less is not closed for another: its request may be on its way.
const IDLE_SECONDS_MIN: Duration = Duration::from_secs(1);
/// How often an idle one is looked for while there is none.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets open requests finish for `drain` at most.
pub async fn serve(
    listener: TcpListener,
    service: Router,
    connections_max: usize,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    drain: Duration,
) {
    let connections = Connections::new(within_descriptors(connections_max), metrics);
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &connections)).await {
        let (stream, slot, seat) = match accepted {
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
            .serve_connection(TokioIo::new(stream), counted(&service, &seat));
        let connection = graceful.watch(connection);
        tasks.spawn(async move {
            // A client that breaks off, or sends what is no HTTP, hurts only itself; so does one that is idle too long.
            let _ = seat.token().run_until_cancelled(connection).await;
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
    connections: &Connections,
) -> io::Result<(TcpStream, OwnedSemaphorePermit, Arc<Seat>)> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let slot = connections.slot().await;
    Ok((stream, slot, Arc::new(Seat::new(&connections.idle))))
}

/// How many connections there may be, and which of them are idle.
struct Connections {
    slots: Arc<Semaphore>,
    idle: Arc<Idle>,
    metrics: Arc<Metrics>,
}

impl Connections {
    fn new(connections_max: usize, metrics: Arc<Metrics>) -> Self {
        Self { slots: Arc::new(Semaphore::new(connections_max)), idle: Arc::default(), metrics }
    }

    /// A free slot, if need be that of whoever has been idle longest.
    async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return slot;
            }
            if self.idle.close_oldest(IDLE_SECONDS_MIN) {
                self.metrics.shed(Shed::Connections);
            }
            let freed = tokio::time::timeout(LOOK_AGAIN, Arc::clone(&self.slots).acquire_owned()).await;
            if let Ok(Ok(slot)) = freed {
                return slot;
            }
        }
    }
}

/// Hands requests on, and notes that their connection is not idle meanwhile.
fn counted(
    service: &Router,
    seat: &Arc<Seat>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + use<>
{
    let (service, seat) = (TowerToHyperService::new(service.clone()), Arc::clone(seat));
    service_fn(move |request| {
        let (service, seat) = (service.clone(), Arc::clone(&seat));
        async move {
            seat.begin_request();
            let response = service.call(request).await;
            seat.end_request();
            response
        }
    })
}

/// Half of the file descriptors are for those whom we ask.
fn within_descriptors(connections_max: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    let Some(possible) = soft.map(|soft| soft / 2).filter(|possible| *possible < connections_max) else {
        return connections_max;
    };
    tracing::warn!(
        "endpoint.connections_max is {connections_max}, but only {possible} connections are taken: half of the file \
         descriptors that the operating system gives (`ulimit -n`)"
    );
    possible.max(1)
}
