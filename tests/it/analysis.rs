//! Analyses by the real MediaInfo of real media in the local storage: what is reported, what is read for it, and what is
//! not. In memory but for the child process and its socket, hence in real time.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use http::{Request, StatusCode};
use local_azure::inside::BlobFiles as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{ACCOUNTS, Options, STORAGE, World, types};
use gridwich::azure::wire::Wire as _;

/// A world whose processor is asked directly.
fn world(config: &'static str) -> World {
    World::unsubscribed(&Options { config, ..Options::default() })
}

/// A world that has a script of the shell for MediaInfo.
fn world_with_program(folder: &TempDir, script: &str, settings: &str) -> World {
    let program = folder.path().join("program");
    std::fs::write(&program, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world(format!("[analysis]\nprogram = {program:?}\n{settings}").leak())
}

async fn upload(world: &World, name: &str, content: impl Into<Bytes>) -> String {
    let storage = &world.cloud.blob_storage;
    storage.ensure_container(ACCOUNTS[0], "media").await.unwrap();
    storage.write(ACCOUNTS[0], "media", name, content.into(), "video/mp4").await.unwrap();
    uri(name)
}

fn uri(name: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("http://{STORAGE}/{}/media/{encoded}", ACCOUNTS[0])
}

fn delivery(id: &str, blob_uri: &str) -> String {
    let data = json!({
        "blobUri": blob_uri,
        "analyzerSpecificData": {"mediaInfo": {"commandLineOptions": {"Complete": "1", "Output": "XML"}}},
        "operationContext": {"saga": id},
    });
    json!([{
        "id": id, "subject": "/analysis", "eventType": "request.blob.analysis.create",
        "eventTime": "2026-03-04T09:00:00Z", "dataVersion": "1.0", "data": data,
    }])
    .to_string()
}

/// Asks for an analysis, and returns the type of the outcome and its data.
async fn analyze(world: &World, blob_uri: &str) -> (String, Value) {
    let id = format!("req-{}", world.answers().len());
    let answer = world.deliver(delivery(&id, blob_uri)).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let mut answers = world.answers();
    answers.retain(|answer| answer["data"]["operationContext"]["saga"] == id.as_str());
    assert_eq!(types(&answers)[0], "response.acknowledge");
    assert_eq!(answers.len(), 2, "{answers:?}");
    let mut outcome = answers.remove(1);
    (outcome["eventType"].as_str().unwrap().to_owned(), outcome["data"].take())
}

async fn report(world: &World, blob_uri: &str) -> Value {
    let (event_type, mut data) = analyze(world, blob_uri).await;
    assert_eq!(event_type, "response.blob.analysis.success", "{data}");
    assert_eq!(data["blobUri"], blob_uri);
    data["analysisResult"].take()
}

async fn failure(world: &World, blob_uri: &str) -> (i64, String) {
    let (event_type, data) = analyze(world, blob_uri).await;
    assert_eq!(event_type, "response.failure", "{data}");
    assert_eq!(data["eventHandlerClassName"], "BlobAnalysisMediaInfoHandler");
    (data["logEventId"].as_i64().unwrap(), data["logEventMessage"].as_str().unwrap().to_owned())
}

/// A clip of two seconds, in the container that the extension says.
fn clip(folder: &TempDir, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    let made = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"])
        .args(options)
        .arg(&path)
        .status();
    assert!(made.is_ok_and(|made| made.success()), "ffmpeg is missing: `make test` installs it");
    path
}

/// What MediaInfo says of the file itself, without what only a file has.
fn local_report(path: &Path) -> Value {
    let said = Command::new("mediainfo")
        .args(["--Full", "--Output=JSON", "--ParseSpeed=0.1"])
        .arg(path)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("mediainfo is missing: `make test` installs it");
    let mut report = serde_json::from_slice::<Value>(&said.stdout).unwrap();
    report["media"]["@ref"] = "".into();
    let general = report["media"]["track"][0].as_object_mut().unwrap();
    for member in ["CompleteName", "FolderName", "FileNameExtension", "FileName"] {
        general.remove(member);
    }
    general.retain(|member, _| !member.starts_with("File_Modified_Date"));
    report
}

#[tokio::test]
async fn a_report_is_what_mediainfo_says_of_the_file_itself() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let mpeg2 = ["-c:v", "mpeg2video", "-b:v", "4M", "-c:a", "pcm_s16le"];
    for (name, options) in [
        ("index last.mp4", &[][..]),
        ("index-first.mp4", &["-movflags", "faststart"]),
        ("a+b.mov", &[]),
        ("c.mkv", &["-metadata", "title=größer \"@ref\": \"blob.mkv\""]),
        ("d.ts", &[]),
        ("e.MXF", &mpeg2),
    ] {
        let path = clip(&folder, name, options);
        let uploaded = upload(&world, name, std::fs::read(&path).unwrap()).await;
        let found = report(&world, &uploaded).await;
        assert_eq!(found, local_report(&path), "{name}");
        assert_eq!(found["media"]["track"][1]["Width"], "640", "{name}");
    }
}

#[tokio::test]
async fn a_report_keeps_its_order_and_comes_with_the_metadata() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let uploaded = upload(&world, "a.mp4", std::fs::read(clip(&folder, "a.mp4", &[])).unwrap()).await;
    let named = Request::put(format!("{uploaded}?comp=metadata")).header("x-ms-meta-department", "news");
    send(&world, named, Bytes::new()).await;
    let (_, data) = analyze(&world, &uploaded).await;
    assert_eq!(data["blobMetadata"], json!({"department": "news"}));
    let raw = world.received_raw("responses").pop().unwrap();
    let raw = String::from_utf8(raw.to_vec()).unwrap();
    let places =
        ["\"creatingLibrary\"", "\"@ref\"", "\"@type\"", "\"StreamKindID\"", "\"Format_Commercial\""];
    let places = places.map(|member| raw.find(member).unwrap_or_else(|| panic!("{member} in {raw}")));
    assert!(places.is_sorted(), "{places:?}");
    assert!(!raw.contains("127.0.0.1:") || !raw.contains("blob.mp4"), "{raw}");
}

#[tokio::test]
async fn names_of_blobs_are_never_arguments() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let content = Bytes::from(std::fs::read(clip(&folder, "a.mp4", &[])).unwrap());
    for name in [
        "a b+c%20d#e?f.mp4",
        "--Output=XML",
        "-",
        "--LogFile=x.mp4",
        "größe/日本語.mp4",
        "a\"b'c$(d)`e`;f.mp4",
        "http:x.mp4",
        "%2e%2e/a.mp4",
    ] {
        let uploaded = upload(&world, name, content.clone()).await;
        let found = report(&world, &uploaded).await;
        assert_eq!(found["media"]["track"][0]["FileSize"], content.len().to_string(), "{name}");
    }
}

/// A token for storage, without a signature: `{"alg":"none"}.{"aud":"https://storage.azure.com","exp":9999999999}.x`
const TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL3N0b3JhZ2UuYXp1cmUuY29tIiwiZXhwIjo5OTk5OTk5OTk5fQ.eA";

/// Sends a request to storage as somebody whose token is not looked into.
async fn send(world: &World, request: http::request::Builder, body: Bytes) {
    let request =
        request.header("authorization", format!("Bearer {TOKEN}")).header("x-ms-version", "2025-11-05");
    let answer = world.network.send(request.body(body).unwrap()).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test]
async fn blobs_over_four_gigabytes_are_read_where_it_matters() {
    const FREE_BYTES: usize = 4 << 20;
    const TIMES: usize = 1_100;
    let (world, folder) = (world("[analysis]\nbytes_max = 8_000_000\n"), tempfile::tempdir().unwrap());
    let path = clip(&folder, "a.mp4", &[]);
    let clip = std::fs::read(&path).unwrap();
    let index = clip.windows(4).position(|name| name == b"moov").unwrap() - 4;
    // Between media and index lies free space, which is one block that the blob has many times.
    let free = 16 + (FREE_BYTES * TIMES) as u64;
    let header = [&1_u32.to_be_bytes()[..], b"free", &free.to_be_bytes()].concat();
    let head = [&clip[..index], &header].concat();
    let uploaded = upload(&world, "large.mp4", Bytes::new()).await;
    for (id, content) in
        [("aGVhZA==", head), ("ZnJlZQ==", vec![0; FREE_BYTES]), ("dGFpbA==", clip[index..].to_vec())]
    {
        send(&world, Request::put(format!("{uploaded}?comp=block&blockid={id}")), content.into()).await;
    }
    let list = format!(
        "<BlockList><Latest>aGVhZA==</Latest>{}<Latest>dGFpbA==</Latest></BlockList>",
        "<Latest>ZnJlZQ==</Latest>".repeat(TIMES)
    );
    send(&world, Request::put(format!("{uploaded}?comp=blocklist")), list.into()).await;
    let found = report(&world, &uploaded).await;
    let bytes = clip.len() as u64 + free;
    assert!(bytes > 1 << 32);
    assert_eq!(found["media"]["track"][0]["FileSize"], bytes.to_string());
    let expected = local_report(&path);
    for member in ["Format", "Width", "Height", "Duration", "FrameCount", "BitRate"] {
        let [found, expected] = [&found, &expected].map(|report| &report["media"]["track"][1][member]);
        assert_eq!(found, expected, "{member}");
    }
}

#[tokio::test]
async fn what_a_blob_refers_to_is_neither_opened_nor_fetched() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let bait = clip(&folder, "bait.mp4", &[]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (bait, address) = (bait.to_str().unwrap(), listener.local_addr().unwrap());
    for target in [
        bait.to_owned(),
        format!("file://{bait}"),
        format!("http://{address}/a.ts"),
        format!("https://{address}/a.ts"),
        format!("ftp://{address}/a.ts"),
        format!("mms://{address}/a.ts"),
        format!("sftp://{address}/a.ts"),
        "/etc/passwd".to_owned(),
        "/dev/zero".to_owned(),
        "/proc/self/environ".to_owned(),
    ] {
        let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n");
        let master = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n");
        let dash = format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><Period><AdaptationSet>\
             <Representation id=\"1\"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        );
        let smooth = format!(
            "<?xml version=\"1.0\"?><smil><body><switch><video src=\"{target}\"/></switch></body></smil>"
        );
        for (name, text) in [("a.m3u8", hls), ("b.m3u8", master), ("c.mpd", dash), ("d.ism", smooth)] {
            let uploaded = upload(&world, name, text).await;
            let found = report(&world, &uploaded).await.to_string();
            assert!(!found.contains("\"Width\"") && !found.contains("640"), "{name} {target}: {found}");
        }
    }
    let touched = listener.accept().map(|(_, from)| from);
    assert!(touched.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "somebody came");
}

#[tokio::test]
async fn whatever_is_no_media_has_a_report_that_says_little() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let clip = std::fs::read(clip(&folder, "a.mp4", &[])).unwrap();
    let mut state = 7_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let noise = noise.take(300_000).collect::<Vec<_>>();
    let huge = |size: u64| {
        let atom = |name: &[u8]| [&1_u32.to_be_bytes()[..], name, &size.to_be_bytes()].concat();
        [&clip[..32], &atom(b"moov"), &atom(b"trak"), &atom(b"mdia"), &[0xff; 4_000]].concat()
    };
    for (name, content) in [
        ("noise", noise),
        ("half.mp4", clip[..clip.len() / 2].to_vec()),
        ("one byte", vec![0]),
        ("text.txt", b"#!/bin/sh\ntouch /tmp/x\n".to_vec()),
        ("huge.mp4", huge(1 << 62)),
        ("overflow.mp4", huge(u64::MAX)),
        ("a.mpls", [&b"MPLS0200"[..], &[0, 0, 0, 58, 0, 0, 4, 0], &[0xff; 2_000]].concat()),
        ("ebml.mkv", [&b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe"[..], &[0x42; 4_000]].concat()),
    ] {
        let bytes = content.len().to_string();
        let uploaded = upload(&world, name, content).await;
        let found = report(&world, &uploaded).await;
        assert_eq!(found["media"]["track"][0]["FileSize"], bytes, "{name}");
    }
}

#[tokio::test]
async fn a_bad_request_fails_under_its_number() {
    let world = world("");
    let empty = upload(&world, "empty.mp4", Bytes::new()).await;
    assert_eq!(failure(&world, &empty).await.0, 550_001);
    assert_eq!(failure(&world, &uri("missing.mp4")).await.0, 611_012);
    assert_eq!(failure(&world, "file:///etc/passwd").await.0, 611_012);
    let no_object = delivery("no object", &empty).replace("\"mediaInfo\":{", "\"mediaInfo\":7,\"x\":{");
    assert_eq!(world.deliver(no_object).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_analysis_reads_no_more_than_it_may() {
    let (world, folder) = (world("[analysis]\nbytes_max = 1_000\n"), tempfile::tempdir().unwrap());
    let uploaded = upload(&world, "a.mp4", std::fs::read(clip(&folder, "a.mp4", &[])).unwrap()).await;
    let (number, message) = failure(&world, &uploaded).await;
    assert_eq!((number, message.as_str()), (550_900, "the analysis would have read more than 1000 bytes"));
}

#[tokio::test]
async fn an_analysis_takes_no_longer_than_it_may() {
    for (script, settings, expected) in [
        ("exec sleep 100", "seconds_max = 1\n", "the analysis took longer than 1 seconds"),
        ("exec yes", "", "the report is longer than 4194304 bytes"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let world = world_with_program(&folder, script, settings);
        let uploaded = upload(&world, "a.mp4", "content").await;
        assert_eq!(failure(&world, &uploaded).await, (550_900, expected.to_owned()));
    }
}

#[tokio::test]
async fn no_more_analyses_run_at_once_than_may() {
    let folder = tempfile::tempdir().unwrap();
    let world = world_with_program(&folder, "sleep 0.3; echo '{\"media\":{}}'", "at_once = 1\n");
    let uploaded = upload(&world, "a.mp4", "content").await;
    let began = std::time::Instant::now();
    let deliver = |id| world.deliver(delivery(id, &uploaded));
    let answers = futures_util::future::join(deliver("one"), deliver("two")).await;
    assert_eq!((answers.0.status(), answers.1.status()), (StatusCode::OK, StatusCode::OK));
    assert!(began.elapsed().as_millis() >= 600, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_program_has_limits_and_neither_our_environment_nor_our_files() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        limits="$(ulimit -v) $(ulimit -t) $(ulimit -n) $(ulimit -f) $(ulimit -c)"
        cat "$0" /etc/passwd /proc/self/environ >/dev/null 2>&1 && echo readable
        (echo x >"$0.written" || echo x >/tmp/written) 2>/dev/null && echo writable
        last=; for argument in "$@"; do last="$argument"; done
        echo "{\"media\":{\"limits\":\"$limits\",\"home\":\"$HOME\",\"arguments\":\"$*\",\"last\":\"$last\"}}"
    "#;
    let world = world_with_program(&folder, script, "seconds_max = 7\nparse_speed = 0.5\n");
    let uploaded = upload(&world, "-x y.mp4", "content").await;
    let found = report(&world, &uploaded).await;
    let media = &found["media"];
    assert_eq!((&media["limits"], &media["home"]), (&json!("1048576 7 32 0 0"), &json!("")));
    let last = media["last"].as_str().unwrap();
    let (before, file) = last.rsplit_once('/').unwrap();
    assert!(before.starts_with("http://127.0.0.1:") && file == "blob.mp4", "{last}");
    let options = "--Full --Output=JSON --ParseSpeed=0.5 --File_FileName=blob.mp4";
    assert!(media["arguments"].as_str().unwrap().starts_with(options), "{media}");
}

#[tokio::test]
async fn only_who_knows_the_path_is_served_and_only_ranges_of_the_blob() {
    let folder = tempfile::tempdir().unwrap();
    // Speaks to the port as anybody on this machine could, by the shell's own means.
    let script = r#"
        for url; do :; done
        rest="${url#http://}"; address="${rest%%/*}"; path="/${rest#*/}"
        ask() {
            exec 3<>"/dev/tcp/127.0.0.1/${address#*:}"
            printf '%s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n%s\r\n' "$1" "$address" "$2" >&3
            read -r _ status _ <&3
            while read -r line <&3 && [ "$line" != $'\r' ]; do :; done
            said="$said$status $(cat <&3);"
        }
        ask "GET $path" $'range: bytes=2-4\r\n'
        ask "GET $path" ''
        ask "HEAD $path" ''
        ask "GET $path" $'range: bytes=7-9\r\n'
        ask "GET /" ''
        ask "GET ${path%/*}/other.mp4" ''
        ask "GET http://example.com/" ''
        ask "POST $path" ''
        ask "CONNECT example.com:443" ''
        echo "{\"media\":{\"said\":\"$said\"}}"
    "#;
    let world = world_with_program(&folder, script, "");
    let uploaded = upload(&world, "a.mp4", "content").await;
    let found = report(&world, &uploaded).await;
    assert_eq!(found["media"]["said"], "206 nte;200 content;200 ;416 ;404 ;404 ;404 ;405 ;404 ;");
}

#[tokio::test]
async fn a_blob_that_changes_meanwhile_is_in_the_way() {
    let (world, folder) = (world(""), tempfile::tempdir().unwrap());
    let content = std::fs::read(clip(&folder, "a.mp4", &[])).unwrap();
    let uploaded = upload(&world, "a.mp4", content.clone()).await;
    // Whoever asks for properties hears of a version that is gone by the time its content is asked for.
    let storage = world.cloud.blob_storage.router();
    let stale = axum::middleware::map_response(
        |request: http::Method, mut answer: http::Response<axum::body::Body>| async move {
            if request == http::Method::HEAD {
                answer.headers_mut().insert("etag", "\"0x8DEADBEEF\"".parse().unwrap());
            }
            answer
        },
    );
    world.network.connect(STORAGE, storage.layer(stale));
    let (number, message) = failure(&world, &uploaded).await;
    assert_eq!(number, 611_013);
    assert!(message.starts_with("a newer version of "), "{message}");
}

#[tokio::test]
async fn a_missing_program_is_no_report() {
    for (config, number) in [
        ("[analysis]\nprogram = \"no-such-program\"\n", 550_000),
        ("[analysis]\nprogram = \"/nowhere/mediainfo\"\n", 550_000),
        ("[analysis]\nprogram = \"true\"\n", 550_003),
        ("[analysis]\nprogram = \"false\"\n", 550_003),
        ("[analysis]\nprogram = \"echo\"\n", 550_003),
        ("[analysis]\nprogram = \"\"\n", 502_900),
    ] {
        let world = world(config);
        let uploaded = upload(&world, "a.mp4", "content").await;
        assert_eq!(failure(&world, &uploaded).await.0, number, "{config}");
    }
}
