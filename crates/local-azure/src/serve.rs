//! Serves a function on a loopback port, with or without TLS, and keeps the spelling of the names that must keep it. What it
//! serves is not its business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::serve::Listener;
use header_spelling::{give_to_hyper, take_from_hyper};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blob_storage::METADATA_PREFIX;

/// A client that has not finished its TLS handshake by then is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Connections waiting between handshake and service; more wait in the kernel.
const BACKLOG: usize = 128;
/// Blobs have at most 8 KiB of metadata, which is about 3,000 names at most; other requests have about twenty headers.
const HEADERS_MAX: usize = 4_096;
/// How long open requests may take once the service is told to stop.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Serves until `stop`, then gives open requests two seconds.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    service: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: CancellationToken,
) -> io::Result<()> {
    let service = service.layer(from_fn(keep_spelling));
    match tls {
        None => serve_connections(listener, &service, &stop).await,
        Some(tls) => {
            let listener = TlsListener::new(listener, tls, stop.clone())?;
            serve_connections(listener, &service, &stop).await;
        }
    }
    Ok(())
}

async fn serve_connections(mut listener: impl Listener, service: &Router, stop: &CancellationToken) {
    let (graceful, over) = (GracefulShutdown::new(), CancellationToken::new());
    let _ends_all = over.clone().drop_guard();
    while let Some((stream, _)) = stop.run_until_cancelled(listener.accept()).await {
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        // A client that breaks off, or sends what is no HTTP, hurts only itself.
        tokio::spawn(over.clone().run_until_cancelled_owned(graceful.watch(connection)));
    }
    drop(listener);
    // What is open after that is ended.
    let _ = tokio::time::timeout(STOP_MAX, graceful.shutdown()).await;
}

/// Between hyper, which keeps the spelling of names in a way of its own, and services, which find it beside the headers.
async fn keep_spelling(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    take_from_hyper(&parts.headers, &mut parts.extensions, METADATA_PREFIX);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    give_to_hyper(response.extensions_mut());
    response
}

/// Hands out connections that have finished their TLS handshake; a slow client holds up nobody else.
struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    fn new(
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, ready) = mpsc::channel(BACKLOG);
        tokio::spawn(stop.run_until_cancelled_owned(shake_hands(listener, TlsAcceptor::from(tls), send)));
        Ok(Self { ready, address })
    }
}

async fn shake_hands(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let shaking = TaskTracker::new();
    loop {
        let (stream, peer) = Listener::accept(&mut listener).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        shaking.spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                // The service has stopped when nobody receives; then the connection is dropped, as it should be.
                let _ = ready.send((stream, peer)).await;
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
