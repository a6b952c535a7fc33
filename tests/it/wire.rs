//! The processor's own client on real sockets, against hosts that answer with these very bytes.

use std::path::Path;

use bytes::Bytes;
use gridwich::azure::wire::{Sockets, Wire as _, WireError};
use header_spelling::Spelling;
use http::{Request, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::process::{Local, root};

/// An answer without a body.
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// More than a request here ever has.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

fn sockets() -> Sockets {
    Sockets::new(Path::new("")).unwrap()
}

/// A host that nobody has connected to yet, and its URL.
async fn host() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/some/path?sig=secret", listener.local_addr().unwrap());
    (listener, url)
}

/// The head of a request, as it was written.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut bytes = BufReader::new(stream);
    while !head.ends_with(b"\r\n\r\n") {
        assert!(head.len() < REQUEST_BYTES_MAX);
        head.push(bytes.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Answers the first request and returns its head.
fn answer_once(listener: TcpListener, answer: Vec<u8>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        // A client that has seen enough hangs up.
        let _ = stream.write_all(&answer).await;
        head
    })
}

async fn get(sockets: &Sockets, url: &str) -> Result<Response<Bytes>, WireError> {
    sockets.send(Request::get(url).body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn metadata_names_are_sent_and_received_as_they_are_spelled() {
    let (listener, url) = host().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-ms-meta-DepartmentCode: news\r\nETag: 1\r\n\r\n";
    let answering = answer_once(listener, answer.into());
    let request = Request::put(url)
        .header("x-ms-meta-showcode", "17")
        .header("x-ms-meta-plain", "1")
        .extension(Spelling::new(["x-ms-meta-ShowCode"]).unwrap());
    let answer = sockets().send(request.body(Bytes::new()).unwrap()).await.unwrap();
    let sent = answering.await.unwrap();
    assert!(sent.contains("\r\nx-ms-meta-ShowCode: 17\r\nx-ms-meta-plain: 1\r\n"), "{sent}");
    let spelling = answer.extensions().get::<Spelling>().unwrap();
    assert_eq!(spelling.names().collect::<Vec<_>>(), ["x-ms-meta-DepartmentCode"]);
    assert_eq!(answer.headers()["x-ms-meta-departmentcode"], "news");
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unnoticed() {
    let (listener, url) = host().await;
    let sockets = sockets();
    let (next, mut closed) = mpsc::channel(1);
    let hosting = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            stream.write_all(EMPTY.as_bytes()).await.unwrap();
            // The host promised to keep the connection, and closes it nevertheless.
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            next.send(()).await.unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(get(&sockets, &url).await.unwrap().status(), StatusCode::OK);
        closed.recv().await.unwrap();
    }
    hosting.await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (listener, url) = host().await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");
    let answering = answer_once(listener, moved.into_bytes());
    assert_eq!(get(&sockets(), &url).await.unwrap().status(), StatusCode::FOUND);
    answering.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_breaks_off_or_never_came_is_told_apart() {
    let (listener, url) = host().await;
    let bytes = 32 * 1024 * 1024 + 1;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
    answer_once(listener, [head.into_bytes(), vec![b'x'; bytes]].concat());
    assert_eq!(get(&sockets(), &url).await.unwrap_err(), WireError::TooLarge);
    for broken in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "", "no HTTP at all\r\n\r\n"] {
        let (listener, url) = host().await;
        answer_once(listener, broken.into());
        assert_eq!(get(&sockets(), &url).await.unwrap_err(), WireError::Broken, "{broken:?}");
    }
    let (listener, url) = host().await;
    drop(listener);
    assert_eq!(get(&sockets(), &url).await.unwrap_err(), WireError::Connection);
}

#[tokio::test]
async fn a_host_is_trusted_over_tls_because_of_the_authority_in_the_file_and_not_without() {
    let local = Local::start(&["--tls", "--without-processor"]);
    let (url, file) = (local.blob("inbox", "none/none"), local.text("/caFile"));
    let trusting = Sockets::new(Path::new(file)).unwrap();
    assert!(get(&trusting, &url).await.unwrap().headers().contains_key("x-ms-request-id"));
    assert_eq!(get(&sockets(), &url).await.unwrap_err(), WireError::Connection);
}

#[test]
fn a_file_without_authorities_is_named() {
    for file in [root().join("Cargo.toml"), root().join("nothing.pem")] {
        let error = Sockets::new(&file).err().unwrap();
        assert!(error.starts_with(&format!("tls.ca_file: {}: ", file.display())), "{error}");
    }
}

/// Connects whoever asks to where they ask to be connected, and tells whom that was.
async fn proxy(asked: mpsc::UnboundedSender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:word@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let head = head(&mut near).await;
            let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
            let mut far = TcpStream::connect(host).await.unwrap();
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            asked.send(head).unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    url
}

#[tokio::test]
async fn a_proxy_that_the_environment_names_is_used() {
    let (asked, mut heard) = mpsc::unbounded_channel();
    let local = Local::start(&["--without-processor"]);
    let _processor = local.serve(&[("ALL_PROXY", &proxy(asked).await), ("NO_PROXY", "")]);
    local.subscribed().await;
    let data = json!({"storageAccountName": "inbox", "containerName": "show-17", "operationContext": {}});
    local.publish("1", "request.blob.container.create", &data).await;
    local.answered("response.blob.container.create.success").await;
    let head = heard.try_recv().unwrap();
    let topic = local.text("/topics/responses/endpoint").split('/').nth(2).unwrap();
    assert!(head.starts_with(&format!("CONNECT {topic} ")), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk"), "{head}");
}
