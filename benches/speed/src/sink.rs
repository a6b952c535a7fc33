//! What is on the other side of every contender: a topic that takes all answers and has them noted, storage in which nothing is
//! and everything fits, and a collector of traces. Keeps nothing of what it is given.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::ledger::Ledger;

/// Listens on loopback for as long as its runtime lives.
pub async fn start(ledger: Arc<Ledger>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ledger = Arc::clone(&ledger);
            let service = service_fn(move |request| take(request, Arc::clone(&ledger)));
            stream.set_nodelay(true).unwrap();
            // Whoever is killed breaks off.
            tokio::spawn(async move {
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
            });
        }
    });
    address
}

async fn take(request: Request<Incoming>, ledger: Arc<Ledger>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_answer = request.uri().path() == "/api/events";
    let method = request.method().clone();
    let Ok(body) = request.into_body().collect().await else {
        return Ok(respond(StatusCode::BAD_REQUEST, None));
    };
    Ok(match method {
        Method::POST if is_answer => {
            ledger.hear(&body.to_bytes());
            respond(StatusCode::OK, None)
        }
        Method::POST => respond(StatusCode::OK, None),
        Method::PUT => respond(StatusCode::CREATED, None),
        Method::DELETE => respond(StatusCode::ACCEPTED, None),
        _ => respond(StatusCode::NOT_FOUND, Some("BlobNotFound")),
    })
}

fn respond(status: StatusCode, error: Option<&'static str>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = match error {
        Some(code) => response.header("x-ms-error-code", code),
        None => response.header("etag", "\"0x1\"").header("last-modified", "Wed, 04 Mar 2026 09:00:00 GMT"),
    };
    response.body(Full::default()).unwrap()
}
