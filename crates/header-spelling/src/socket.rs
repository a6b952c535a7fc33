//! The way between [`Spelling`] and the type in which hyper keeps spellings, which is private: hyper itself is asked to read
//! and to write a message in memory. Not what is done with either.
//!
//! Nothing here waits: one end of the connection is bytes that are all there, the other takes whatever comes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;

use crate::{NAMES_MAX, Spelling};

/// Headers that say how the message is framed. They mean something to hyper, and their spelling nothing to anybody.
const FRAMING: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, DATE, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
/// How often hyper is asked to go on. It needs one or two turns for a message that is all there.
const TURNS_MAX: usize = 16;

/// Before hyper writes a message: lets it know of the [`Spelling`] among the message's extensions.
///
/// Does nothing when there is none, or when all its names are in lower case. Names that the message does not have do no
/// harm. The connection must have been built with `preserve_header_case(true)`.
pub fn give_to_hyper(extensions: &mut Extensions) {
    let Some(spelling) = extensions.get::<Spelling>().filter(|spelling| spelling.matters()) else { return };
    let names = spelling.0.iter().filter(|(folded, _)| !FRAMING.contains(folded));
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    for (_, name) in names {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b":\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let kept = RefCell::new(Extensions::new());
    exchange(&head, |request| {
        kept.replace(request.into_parts().0.extensions);
        Response::default()
    });
    extensions.extend(kept.into_inner());
}

/// After hyper has read a message: puts a [`Spelling`] of those headers among the message's extensions that begin with
/// `prefix`, in any case.
///
/// Does nothing when the message has no such header or already has a spelling. Where hyper kept none, because the connection
/// was not built with `preserve_header_case(true)`, names are spelled in lower case.
pub fn take_from_hyper(headers: &HeaderMap, extensions: &mut Extensions, prefix: &str) {
    let prefix = prefix.to_ascii_lowercase();
    let names =
        || headers.keys().filter(|name| name.as_str().starts_with(&prefix) && !FRAMING.contains(name));
    if headers.len() > NAMES_MAX || extensions.get::<Spelling>().is_some() || names().next().is_none() {
        return;
    }
    let answer = || {
        let mut answer = Response::<String>::default();
        for name in names().flat_map(|name| headers.get_all(name).iter().map(move |_| name)) {
            answer.headers_mut().append(name, HeaderValue::from_static(""));
        }
        *answer.extensions_mut() = extensions.clone();
        answer
    };
    let written = exchange(b"GET / HTTP/1.1\r\n\r\n", |_| answer());
    if let Some(spelling) = read_names(&written, &prefix) {
        extensions.insert(spelling);
    }
}

/// The names in the head of an answer that begin with a prefix, without those that hyper adds by itself.
fn read_names(head: &[u8], prefix: &str) -> Option<Spelling> {
    let lines = std::str::from_utf8(head).ok()?.lines().skip(1);
    let names = lines.filter_map(|line| line.split_once(':').map(|(name, _)| name));
    let begins =
        |name: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_own = |name: &&str| !FRAMING.iter().any(|framing| framing.as_str().eq_ignore_ascii_case(name));
    Spelling::new(names.filter(begins).filter(is_own)).ok()
}

/// Has hyper read the head of a request and write the answer's, and returns what it wrote.
fn exchange(request: &[u8], answer: impl Fn(Request<Incoming>) -> Response<String>) -> Vec<u8> {
    let mut written = Vec::new();
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(NAMES_MAX)
        .keep_alive(false)
        .serve_connection(
            Memory { unread: request, written: &mut written },
            service_fn(|request| ready(Ok::<_, Infallible>(answer(request)))),
        );
    let mut connection = pin!(connection);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..TURNS_MAX {
        if connection.as_mut().poll(&mut context).is_ready() {
            break;
        }
    }
    written
}

/// A connection whose client has sent everything and waits.
struct Memory<'a> {
    unread: &'a [u8],
    written: &'a mut Vec<u8>,
}

impl Read for Memory<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Poll::Pending;
        }
        let (read, rest) = self.unread.split_at(self.unread.len().min(room.remaining()));
        room.put_slice(read);
        self.unread = rest;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
