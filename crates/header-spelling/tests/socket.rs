//! Spellings on the way through hyper's own connections, both ways, in memory. Not how they get there.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up, it cannot judge")]

use std::convert::Infallible;

use header_spelling::{NAMES_MAX, Spelling, give_to_hyper, take_from_hyper};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// Room for everything that is sent here.
const ROOM_BYTES: usize = 1024 * 1024;

/// Headers as written, each with its place for a value.
fn headers(names: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (place, name) in names.iter().enumerate() {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from(place));
    }
    headers
}

/// Names as spelled with their values, as far as they begin with the prefix.
fn seen(headers: &HeaderMap, spelling: Option<&Spelling>) -> Vec<String> {
    let spelling = spelling.cloned().unwrap_or_default();
    let pairs = headers.keys().flat_map(|name| spelling.of(name).zip(headers.get_all(name)));
    pairs.map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect()
}

/// Answers every request with its own headers that begin with `x-`, spelled as they came.
async fn echo(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let (mut parts, _) = request.into_parts();
    take_from_hyper(&parts.headers, &mut parts.extensions, "X-");
    let mut response = Response::new(String::new());
    let own = parts.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-"));
    response.headers_mut().extend(own.map(|(name, value)| (name.clone(), value.clone())));
    if let Some(spelling) = parts.extensions.get::<Spelling>() {
        response.extensions_mut().insert(spelling.clone());
    }
    give_to_hyper(response.extensions_mut());
    Ok(response)
}

async fn serve(socket: DuplexStream) {
    let mut builder = server::conn::http1::Builder::new();
    builder.preserve_header_case(true).max_headers(NAMES_MAX);
    builder.serve_connection(TokioIo::new(socket), service_fn(echo)).await.unwrap();
}

/// Sends headers there and back and returns how they came back.
async fn there_and_back(names: &[&str]) -> Vec<String> {
    let (near, far) = duplex(ROOM_BYTES);
    tokio::spawn(serve(far));
    let mut builder = client::conn::http1::Builder::new();
    builder.preserve_header_case(true).max_headers(NAMES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::new(String::new());
    *request.headers_mut() = headers(names);
    request.extensions_mut().insert(Spelling::new(names.iter().copied()).unwrap());
    give_to_hyper(request.extensions_mut());
    let (mut parts, _) = sender.send_request(request).await.unwrap().into_parts();
    take_from_hyper(&parts.headers, &mut parts.extensions, "x-");
    seen(&parts.headers, parts.extensions.get())
}

#[tokio::test]
async fn names_come_back_as_they_were_spelled() {
    let back = there_and_back(&["x-Meta-DepartmentCode", "Accept", "X-META-SHOW_17", "x-plain"]).await;
    assert_eq!(back, ["x-Meta-DepartmentCode=0", "X-META-SHOW_17=2", "x-plain=3"]);
}

#[tokio::test]
async fn a_name_that_comes_several_times_has_a_spelling_for_each() {
    let back = there_and_back(&["x-Foo", "x-Bar", "x-Foo", "X-FOO", "x-foo"]).await;
    assert_eq!(back, ["x-Foo=0", "x-Foo=2", "X-FOO=3", "x-foo=4", "x-Bar=1"]);
}

#[tokio::test]
async fn a_great_many_names_come_back_as_they_were_spelled() {
    // A few headers are hyper's.
    let names = (0..NAMES_MAX - 16).map(|number| format!("X-Name{number}")).collect::<Vec<_>>();
    let back = there_and_back(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let expected = names.iter().enumerate().map(|(place, name)| format!("{name}={place}"));
    assert_eq!(back, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn headers_that_frame_a_message_are_left_alone() {
    let (mut near, far) = duplex(ROOM_BYTES);
    tokio::spawn(serve(far));
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTRANSFER-encoding: chunked\r\nX-One: 1\r\nConnection: close\r\n\r\n0\r\n\r\n";
    near.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\nX-One: 1\r\n"), "{answer}");
    let mut extensions = http::Extensions::new();
    extensions.insert(Spelling::new(["Transfer-Encoding", "Content-Length", "X-One"]).unwrap());
    give_to_hyper(&mut extensions);
    extensions.remove::<Spelling>();
    let headers = headers(&["transfer-encoding", "content-length", "x-one"]);
    take_from_hyper(&headers, &mut extensions, "");
    assert_eq!(extensions.get::<Spelling>().unwrap().names().collect::<Vec<_>>(), ["X-One"]);
}

#[test]
fn a_spelling_that_is_there_stays_and_none_is_made_up() {
    let mut extensions = http::Extensions::new();
    take_from_hyper(&headers(&["accept"]), &mut extensions, "x-");
    assert!(extensions.get::<Spelling>().is_none());
    take_from_hyper(&headers(&["x-One"]), &mut extensions, "x-");
    assert_eq!(extensions.get::<Spelling>().unwrap().names().collect::<Vec<_>>(), ["x-one"]);
    extensions.insert(Spelling::new(["X-one"]).unwrap());
    take_from_hyper(&headers(&["x-One"]), &mut extensions, "x-");
    assert_eq!(extensions.get::<Spelling>().unwrap().names().collect::<Vec<_>>(), ["X-one"]);
}
