//! Accepts connections and serves a function on them, each within bounds, until told to stop. Not what is served.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
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

/// A connection that has been idle for less is not closed: its request may be on its way.
const IDLE_SECONDS_MIN: Duration = Duration::from_secs(1);
/// How often an idle one is looked for while there is none.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What the kernel keeps for tokio's listeners, which ask for 1024.
const BACKLOG_MAX: usize = 1_024;

/// Serves until `leaving`, and for `leave` longer as before, except that every answer asks for its connection to be closed.
/// Then nobody is let in any more, and it returns once all connections are closed: each when it has been idle for a second or
/// its request is answered. A client cannot see that its idle connection is being closed while it writes to it, hence `leave`:
/// those who look away, or obey `Connection: close`, are on none by then.
pub async fn serve(
    listener: TcpListener,
    service: Router,
    connections_max: usize,
    metrics: Arc<Metrics>,
    leaving: CancellationToken,
    leave: Duration,
) {
    let connections = Connections::new(within_descriptors(connections_max), metrics);
    let server = Server { service, connections, leaving: leaving.clone(), tasks: TaskTracker::new() };
    let left = async {
        leaving.cancelled().await;
        tokio::time::sleep(leave).await;
    };
    tokio::pin!(left);
    loop {
        tokio::select! {
            biased;
            () = &mut left => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => server.take(stream).await,
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            },
        }
    }
    for stream in backlog(listener) {
        server.take(stream).await;
    }
    server.close().await;
}

/// Closes the listener, and returns whom the kernel had let in already: they would be broken off.
fn backlog(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let accepted = std::iter::from_fn(|| listener.accept().ok()).take(BACKLOG_MAX);
    let accepted = accepted.filter_map(|(stream, _)| {
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    });
    accepted.collect()
}

/// What every connection shares.
struct Server {
    service: Router,
    connections: Connections,
    leaving: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves a connection, as soon as there is a slot for it.
    async fn take(&self, stream: TcpStream) {
        // Whoever is gone already is noticed when it is read from.
        let _ = stream.set_nodelay(true);
        let slot = self.connections.slot().await;
        let seat = Arc::new(Seat::new(&self.connections.idle));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_SECONDS_MAX)
            .max_buf_size(HEADER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), self.counted(&seat));
        self.tasks.spawn(async move {
            // A client that breaks off, or sends what is no HTTP, hurts only itself; so does one that is idle too long.
            let _ = seat.token().run_until_cancelled(connection).await;
            drop(slot);
        });
    }

    /// Hands requests on, and notes that their connection is not idle meanwhile.
    fn counted(
        &self,
        seat: &Arc<Seat>,
    ) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + use<>
    {
        let (service, seat) = (TowerToHyperService::new(self.service.clone()), Arc::clone(seat));
        let leaving = self.leaving.clone();
        service_fn(move |request| {
            let (service, seat, leaving) = (service.clone(), Arc::clone(&seat), leaving.clone());
            async move {
                seat.begin_request();
                let mut response = service.call(request).await?;
                if leaving.is_cancelled() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                seat.end_request();
                Ok(response)
            }
        })
    }

    /// Returns once all connections are closed.
    async fn close(&self) {
        self.tasks.close();
        while !self.tasks.is_empty() {
            while self.connections.idle.close_oldest(IDLE_SECONDS_MIN) {}
            // If some are left, they are looked at again.
            let _ = tokio::time::timeout(LOOK_AGAIN, self.tasks.wait()).await;
        }
    }
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
