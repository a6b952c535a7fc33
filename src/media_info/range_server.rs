//! A blob as a file that can be read over HTTP from loopback, by whoever knows its path, within a budget. Not who reads it,
//! and no proxy: whatever else it is asked for is not there.
//!
//! libcurl asks for all from an offset on and breaks off when it has enough, so what is sent before that is wasted. Hence
//! blocks start small and grow while one answer is read on, the next is fetched only when the last one is gone, and the
//! kernel holds little.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use gridwich_handlers::participants::{BlobAddress, ParticipantError, Storage};
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The first block of an answer: the head of a file, or an index, is usually no longer.
const BLOCK_BYTES_MIN: u64 = 256 * 1024;
/// A reader that goes on reading gets blocks of this size.
const BLOCK_BYTES_MAX: u64 = 1024 * 1024;
/// What the kernel may hold back for a slow reader; Linux doubles it.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
/// What hyper may hold back; a block is larger, so it asks for one at a time.
const HTTP_BUFFER_BYTES: usize = 16 * 1024;
/// How long to rest when a connection cannot be accepted.
const ACCEPT_REST: Duration = Duration::from_millis(20);
/// libcurl has one connection open, and another for a moment when it breaks off.
const CONNECTIONS_MAX: usize = 8;
/// libcurl sends its request at once.
const HEADERS_SECONDS_MAX: Duration = Duration::from_secs(5);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Which bytes are served.
pub(super) struct Served {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) blob: BlobAddress,
    pub(super) etag: String,
    /// How long the blob is.
    pub(super) bytes: u64,
    /// How many bytes may be read of it, repetitions included.
    pub(super) bytes_max: u64,
}

/// Why no more is served.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The budget is spent.
    Budget,
    /// The blob cannot be read.
    NotRead(ParticipantError),
}

/// The server. Dropping it ends every connection.
pub(super) struct RangeServer {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    served: Served,
    path: String,
    bytes_read: AtomicU64,
    stopped: Mutex<Option<Stopped>>,
    has_stopped: Notify,
}

impl RangeServer {
    /// Listens on a free port of loopback, under a path nobody can guess that ends in `file`.
    pub(super) fn bind(served: Served, file: &str) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Connections inherit it.
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(CONNECTIONS_MAX as u32)?;
        let state = State {
            served,
            path: format!("/{}/{file}", Uuid::new_v4().simple()),
            bytes_read: AtomicU64::new(0),
            stopped: Mutex::default(),
            has_stopped: Notify::new(),
        };
        Ok(Self { address: listener.local_addr()?, listener, state: Arc::new(state) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.state.path)
    }

    /// How many bytes have been read of the blob.
    pub(super) fn bytes_read(&self) -> u64 {
        self.state.bytes_read.load(Ordering::Relaxed)
    }

    /// The reason not to serve any more, if there is one and it has not been taken yet.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.state.stopped.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Serves until there is a reason not to.
    pub(super) async fn serve(&self) -> Stopped {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(converse(stream, Arc::clone(&self.state)));
                        }
                        // A connection that broke before it was accepted is nobody's loss; a machine without descriptors
                        // needs a rest.
                        Err(_) => tokio::time::sleep(ACCEPT_REST).await,
                    }
                }
                Some(_) = connections.join_next() => {}
                () = self.state.has_stopped.notified() => {
                    if let Some(stopped) = self.stopped() {
                        return stopped;
                    }
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = state.answer(request.method(), request.uri().path(), request.headers());
        async { Ok::<_, std::convert::Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_SECONDS_MAX)
        .max_buf_size(HTTP_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    // The reader breaks off whenever it has enough.
    let _ = connection.await;
}

impl State {
    fn answer(self: &Arc<Self>, method: &Method, path: &str, headers: &http::HeaderMap) -> Response<Body> {
        if path != self.path {
            return empty(StatusCode::NOT_FOUND);
        }
        if ![Method::GET, Method::HEAD].contains(method) {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let bytes = self.served.bytes;
        let (status, range) = match headers.get(RANGE) {
            None => (StatusCode::OK, 0..bytes),
            Some(value) => match value.to_str().ok().and_then(|text| range(text, bytes)) {
                Some(range) => (StatusCode::PARTIAL_CONTENT, range),
                None => return empty(StatusCode::RANGE_NOT_SATISFIABLE),
            },
        };
        let mut answer = empty(status);
        let headers = answer.headers_mut();
        headers.insert(ACCEPT_RANGES, http::HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
        if status == StatusCode::PARTIAL_CONTENT {
            let (first, last) = (range.start, range.end - 1);
            let value = http::HeaderValue::try_from(format!("bytes {first}-{last}/{bytes}"));
            headers.insert(CONTENT_RANGE, value.expect("digits are visible ASCII"));
        }
        if method == Method::GET {
            *answer.body_mut() = Arc::clone(self).body(range);
        }
        answer
    }

    /// The bytes of a range, fetched as they are asked for.
    fn body(self: Arc<Self>, range: Range<u64>) -> Body {
        let blocks = stream::try_unfold((self, range, BLOCK_BYTES_MIN), |(state, rest, size)| async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let end = rest.end.min(rest.start.saturating_add(size));
            let block = state.read(rest.start..end).await?;
            Ok(Some((Frame::data(block), (state, end..rest.end, (size * 2).min(BLOCK_BYTES_MAX)))))
        });
        StreamBody::new(blocks.boxed()).boxed_unsync()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let bytes = range.end - range.start;
        let before = self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.served.bytes_max {
            return Err(self.stop(Stopped::Budget));
        }
        let Served { storage, blob, etag, .. } = &self.served;
        storage.read_range(blob, range, etag).await.map_err(|error| self.stop(Stopped::NotRead(error)))
    }

    /// Notes the first reason; the connection breaks, and the reader is not heard any more.
    fn stop(&self, why: Stopped) -> io::Error {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.has_stopped.notify_one();
        io::Error::from(io::ErrorKind::ConnectionAborted)
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// Reads `bytes=first-` or `bytes=first-last`, the forms libcurl sends. The range is not empty and lies within the blob.
fn range(text: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse::<u64>().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse::<u64>().ok()? };
    let end = last.saturating_add(1).min(bytes);
    (first < end).then_some(first..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_beyond_the_blob_are_not_served() {
        for (text, expected) in [
            ("bytes=0-", Some(0..10)),
            ("bytes=3-5", Some(3..6)),
            ("bytes=9-99", Some(9..10)),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=-5", None),
            ("bytes=0-1,3-4", None),
            ("bytes=18446744073709551615-", None),
            ("bytes=18446744073709551616-", None),
            ("bytes= 1-", None),
            ("items=0-", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
    }
}
