//! The local Blob Storage on a port: what only the bytes on the wire can show, which is how names are spelled, and when
//! connections end.

use std::net::SocketAddr;

use axum::body::Body;
use header_spelling::Spelling;
use http::{HeaderName, Method, Request};
use local_azure::faults::Fault;
use local_azure::serve::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{BLOCK_BLOB, Cloud, bearer};

/// A cloud with the container `reels`, on a port of its own.
struct Bound {
    cloud: Cloud,
    address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

impl Bound {
    async fn new() -> Self {
        let (cloud, stop) = (Cloud::with_container().await, CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, cloud.storage.router(), None, stop.clone()));
        Self { cloud, address, serving, stop }
    }

    /// Sends a request in these very bytes, and headers that every request has.
    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let token = bearer(r#"{"oid":"o-1","tid":"t-1"}"#);
        let own = format!("Host: 127.0.0.1:10000\r\nAuthorization: {token}\r\nx-ms-version: 2026-04-06\r\n");
        let (line, rest) = request.split_once("\r\n").unwrap();
        let request = format!("{line}\r\n{own}Connection: close\r\nContent-Length: 0\r\n{rest}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a request and returns all of its answer.
    async fn say(&self, request: &str) -> String {
        let (mut stream, mut answer) = (self.send(request).await, String::new());
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn put(&self, path: &str, headers: &str) -> String {
        self.say(&format!("PUT {path} HTTP/1.1\r\nx-ms-blob-type: BlockBlob\r\n{headers}")).await
    }

    async fn get(&self, path: &str) -> String {
        self.say(&format!("GET {path} HTTP/1.1\r\n")).await
    }
}

const LISTING: &str = "/inbox/reels?restype=container&comp=list&include=metadata";

#[tokio::test]
async fn metadata_keeps_its_spelling() {
    let bound = Bound::new().await;
    let metadata = "x-ms-meta-DepartmentCode: news\r\nX-MS-Meta-SHOW_17: a b\r\nx-ms-meta-plain: 1\r\n";
    let made = bound.put("/inbox/reels/b", metadata).await;
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let lines =
        ["x-ms-meta-DepartmentCode: news\r\n", "x-ms-meta-SHOW_17: a b\r\n", "x-ms-meta-plain: 1\r\n"];
    for method in ["GET", "HEAD"] {
        let answer = bound.say(&format!("{method} /inbox/reels/b HTTP/1.1\r\n")).await;
        assert!(lines.iter().all(|line| answer.contains(line)), "{answer}");
    }
    let listed = bound.get(LISTING).await;
    let expected =
        "<Metadata><DepartmentCode>news</DepartmentCode><SHOW_17>a b</SHOW_17><plain>1</plain></Metadata>";
    assert!(listed.contains(expected), "{listed}");
    let source = "x-ms-copy-source: http://127.0.0.1:10000/inbox/reels/b";
    let copied = bound.say(&format!("PUT /inbox/reels/copy HTTP/1.1\r\n{source}\r\n")).await;
    assert!(copied.starts_with("HTTP/1.1 202 "), "{copied}");
    let answer = bound.get("/inbox/reels/copy").await;
    assert!(lines.iter().all(|line| answer.contains(line)), "{answer}");
}

#[tokio::test]
async fn metadata_of_containers_keeps_its_spelling() {
    let bound = Bound::new().await;
    let path = "/inbox/reels?restype=container";
    let set = bound.put(&format!("{path}&comp=metadata"), "x-ms-meta-DepartmentCode: news\r\n").await;
    assert!(set.starts_with("HTTP/1.1 200 "), "{set}");
    assert!(bound.get(path).await.contains("\r\nx-ms-meta-DepartmentCode: news\r\n"));
    let listed = bound.get("/inbox?comp=list&include=metadata").await;
    assert!(listed.contains("<Metadata><DepartmentCode>news</DepartmentCode></Metadata>"), "{listed}");
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_one_name_given_twice() {
    let bound = Bound::new().await;
    let twice = bound.put("/inbox/reels/b", "x-ms-meta-Foo: 1\r\nx-ms-meta-foo: 2\r\n").await;
    assert!(twice.starts_with("HTTP/1.1 400 ") && twice.contains("InvalidMetadata"), "{twice}");
    // Setting all metadata anew may change the spelling of a name.
    bound.put("/inbox/reels/b", "x-ms-meta-Foo: 1\r\n").await;
    bound.put("/inbox/reels/b?comp=metadata", "x-ms-meta-fOO: 2\r\n").await;
    let answer = bound.get("/inbox/reels/b").await;
    assert!(answer.contains("\r\nx-ms-meta-fOO: 2\r\n") && !answer.contains("Foo"), "{answer}");
}

#[tokio::test]
async fn as_many_names_as_there_is_room_for_keep_their_spelling() {
    let bound = Bound::new().await;
    let lines = (0..1_100).map(|number| format!("x-ms-meta-Name{number}: 1\r\n")).collect::<Vec<_>>();
    let made = bound.put("/inbox/reels/b", &lines.concat()).await;
    assert!(made.contains("MetadataTooLarge"), "{made}");
    let made = bound.put("/inbox/reels/b", &lines[..1_000].concat()).await;
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let answer = bound.get("/inbox/reels/b").await;
    assert!(lines[..1_000].iter().all(|line| answer.contains(line)), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn in_memory_the_spelling_travels_beside_the_headers() {
    let cloud = Cloud::with_container().await;
    let mut put = cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-departmentcode", "news")]);
    let names = Spelling::new(["x-ms-meta-DepartmentCode"]).unwrap();
    put.request.extensions_mut().insert(names);
    assert_eq!(put.await.status, 201);
    let request: Request<Body> = cloud.ask(Method::GET, "/inbox/reels/b").request;
    let answer = cloud.storage.router().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["x-ms-meta-departmentcode"], "news");
    let name = HeaderName::from_static("x-ms-meta-departmentcode");
    let spelling = answer.extensions().get::<Spelling>().unwrap();
    assert_eq!(spelling.of(&name).collect::<Vec<_>>(), ["x-ms-meta-DepartmentCode"]);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_off_when_the_service_stops() {
    let bound = Bound::new().await;
    let arrived = CancellationToken::new();
    let heard = arrived.clone();
    bound.cloud.faults.always(Fault::Hang, move |_| {
        heard.cancel();
        true
    });
    let mut hanging = bound.send("GET /inbox/reels/b HTTP/1.1\r\n").await;
    arrived.cancelled().await;
    tokio::time::pause();
    let asked = tokio::time::Instant::now();
    bound.stop.cancel();
    bound.serving.await.unwrap().unwrap();
    assert_eq!(asked.elapsed().as_secs(), 2);
    assert_eq!(hanging.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(TcpStream::connect(bound.address).await.is_err());
}
