//! Binds a service to a loopback port, with or without TLS. What it serves is not its business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A client that has not finished its TLS handshake by then is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Connections waiting between handshake and service; more wait in the kernel.
const BACKLOG: usize = 128;
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
    let stopped = stop.clone().cancelled_owned();
    let serving = async {
        match tls {
            None => axum::serve(listener, service).with_graceful_shutdown(stopped).await,
            Some(tls) => {
                let listener = TlsListener::new(listener, tls, stop.clone())?;
                axum::serve(listener, service).with_graceful_shutdown(stopped).await
            }
        }
    };
    tokio::select! {
        done = serving => done,
        () = async { stop.cancelled().await; tokio::time::sleep(STOP_MAX).await } => Ok(()),
    }
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
