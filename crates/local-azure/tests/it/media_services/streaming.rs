//! Published assets as players see them: over a real socket, read by ffprobe and ffmpeg.

use std::net::Ipv4Addr;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use local_azure::serve::serve;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use super::studio::{built_in_encode, studio, studio_with_cache};
use super::world::World;

/// Eight seconds of moving pictures and a tone: four groups of pictures.
const CLIP: &str =
    "-f lavfi -i testsrc2=size=640x360:rate=30:duration=8 -f lavfi -i sine=duration=8 -ac 1 -b:v 1M";
const ID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
const HLS: &str = "manifest(format=m3u8-cmaf)";
const DASH: &str = "manifest(format=mpd-time-cmaf)";

/// An origin on a port of its own.
pub struct Origin {
    pub url: String,
    _stop: DropGuard,
}

impl Origin {
    /// Serves the world's streaming endpoints.
    pub async fn of(world: &World) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, world.service().streaming_router(), None, stop.clone()));
        Self { url, _stop: stop.drop_guard() }
    }

    /// The URL of something below the presentation of the asset `output`.
    pub fn presentation(&self, rest: &str) -> String {
        format!("{}/{ID}/clip.ism/{rest}", self.url)
    }
}

/// What a player finds.
#[derive(Debug, PartialEq)]
pub struct Played {
    pub videos: usize,
    pub audios: usize,
    pub seconds: f64,
    /// Pictures that could be decoded of the first video track.
    pub pictures: usize,
}

/// Plays all of a URL, as a player would.
pub async fn play(url: &str, headers: &str) -> Result<Played, String> {
    let all = ["-v", "error", "-headers", headers, "-count_frames", "-of", "json"];
    let show = ["-show_entries", "stream=codec_type,nb_read_frames:format=duration"];
    let output = Command::new("ffprobe").args(all).args(show).arg(url).output().await.unwrap();
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let found = serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let streams = found["streams"].as_array().unwrap();
    let of = |kind: &'static str| streams.iter().filter(move |stream| stream["codec_type"] == kind);
    let frames = |stream: &Value| stream["nb_read_frames"].as_str().unwrap_or("0").parse().unwrap();
    Ok(Played {
        videos: of("video").count(),
        audios: of("audio").count(),
        seconds: found["format"]["duration"].as_str().unwrap_or("0").parse::<f64>().unwrap().round(),
        pictures: of("video").next().map_or(0, frames),
    })
}

/// ffmpeg stops reading DASH with the first track that ends, so that up to a fifth of a second of pictures is not read.
fn whole_frames(mut played: Played) -> Played {
    played.pictures = (played.pictures + 6) / 10 * 10;
    played
}

/// Makes, encodes and locates the clip.
pub async fn published(world: &World, locator: Value) {
    super::studio::give_clip(world, "clip.mp4", CLIP);
    built_in_encode(world, "H264SingleBitrateSD").await;
    locate(world, locator).await;
}

/// Makes the locator `l` of the asset `output`.
pub async fn locate(world: &World, mut properties: Value) {
    properties["assetName"] = json!("output");
    properties["streamingLocatorId"] = json!(ID);
    world.delete("streamingLocators/l").await;
    let (status, answer) = world.put("streamingLocators/l", json!({"properties": properties})).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}

pub fn clear() -> Value {
    json!({"streamingPolicyName": "Predefined_DownloadAndClearStreaming"})
}

/// Asks in memory.
pub async fn ask(world: &World, path: &str, header: Option<(&str, &str)>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let router = world.service().streaming_router();
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

pub async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Asks for what is below the locator, none of which is to be had.
pub async fn refuses(world: &World, paths: &[&str]) {
    for path in paths {
        assert_eq!(status(world, &format!("/{ID}/{path}")).await, StatusCode::FORBIDDEN, "{path}");
    }
}

async fn status(world: &World, path: &str) -> StatusCode {
    ask(world, path, None).await.status()
}

async fn filter(world: &World, name: &str, properties: Value) {
    let path = format!("assets/output/assetFilters/{name}");
    let (status, answer) = world.put(&path, json!({"properties": properties})).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}

#[tokio::test]
async fn hls_and_dash_play_from_the_same_segments() {
    let world = studio();
    published(&world, clear()).await;
    let origin = Origin::of(&world).await;
    let whole = Played { videos: 1, audios: 1, seconds: 8.0, pictures: 240 };
    for manifest in [HLS, DASH] {
        let extension = if manifest == HLS { ".m3u8" } else { ".mpd" };
        assert_eq!(play(&origin.presentation(manifest), "").await.as_ref(), Ok(&whole), "{manifest}");
        let url = origin.presentation(&format!("{manifest}{extension}"));
        assert_eq!(play(&url, "").await.as_ref(), Ok(&whole), "{manifest}{extension}");
    }
    assert_eq!(world.packages().len(), 1, "packaged once");
}

#[tokio::test]
async fn a_ladder_has_all_its_rungs_and_its_sound_once() {
    let world = studio();
    super::studio::give_clip(&world, "clip.mp4", CLIP);
    built_in_encode(&world, "AdaptiveStreaming").await;
    locate(&world, clear()).await;
    let origin = Origin::of(&world).await;
    let rungs = world
        .storage
        .names("output")
        .iter()
        .filter(|name| name.contains('x') && name.ends_with(".mp4"))
        .count();
    assert!(rungs > 1);
    let dash = play(&origin.presentation(DASH), "").await.unwrap();
    assert_eq!((dash.videos, dash.audios, dash.pictures), (rungs, 1, 240));
    let hls = play(&origin.presentation(HLS), "").await.unwrap();
    assert_eq!((hls.videos, hls.pictures), (rungs, 240));
}

#[tokio::test]
async fn a_time_filter_cuts_the_presentation_by_locator_or_by_url() {
    let world = studio();
    published(&world, clear()).await;
    let ticks = |seconds: u64| seconds * 10_000_000;
    filter(
        &world,
        "cut",
        json!({"presentationTimeRange": {"startTimestamp": ticks(2), "endTimestamp": ticks(6)}}),
    )
    .await;
    filter(&world, "later", json!({"presentationTimeRange": {"startTimestamp": 4, "timescale": 1}})).await;
    filter(&world, "beyond", json!({"presentationTimeRange": {"startTimestamp": 40, "timescale": 1}})).await;
    let origin = Origin::of(&world).await;
    let cut = Played { videos: 1, audios: 1, seconds: 4.0, pictures: 120 };
    for format in ["m3u8-cmaf", "mpd-time-cmaf"] {
        let url = origin.presentation(&format!("manifest(format={format},filter=cut)"));
        assert_eq!(play(&url, "").await.map(whole_frames).as_ref(), Ok(&cut), "{url}");
    }
    let mut located = clear();
    located["filters"] = json!(["cut"]);
    locate(&world, located).await;
    for manifest in [HLS, DASH] {
        let played = play(&origin.presentation(manifest), "").await.map(whole_frames);
        assert_eq!(played.as_ref(), Ok(&cut), "{manifest}");
    }
    let both = play(&origin.presentation("manifest(format=m3u8-cmaf,filter=later)"), "").await.unwrap();
    assert_eq!((both.seconds, both.pictures), (2.0, 60));
    for absent in ["beyond", "nonesuch"] {
        let path = format!("/{ID}/clip.ism/manifest(format=m3u8-cmaf,filter={absent})");
        assert_eq!(status(&world, &path).await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_track_filter_chooses_tracks() {
    let world = studio();
    published(&world, clear()).await;
    let only = |kind: &str| json!({"tracks": [{"trackSelections": [{"property": "Type", "value": kind, "operation": "Equal"}]}]});
    filter(&world, "sound", only("Audio")).await;
    filter(&world, "pictures", only("Video")).await;
    let origin = Origin::of(&world).await;
    for format in ["m3u8-cmaf", "mpd-time-cmaf"] {
        let played = async |name: &str| {
            play(&origin.presentation(&format!("manifest(format={format},filter={name})")), "").await.unwrap()
        };
        let (sound, pictures) = (played("sound").await, played("pictures").await);
        assert_eq!((sound.videos, sound.audios), (0, 1));
        assert_eq!((pictures.videos, pictures.audios, pictures.pictures), (1, 0, 240));
    }
}

#[tokio::test]
async fn segments_come_in_ranges_for_every_origin_with_their_types() {
    let world = studio();
    published(&world, clear()).await;
    let path = format!("/{ID}/clip.ism/stream(encryption=none)/segment-0-1.m4s");
    let whole = ask(&world, &path, Some(("origin", "https://player.example"))).await;
    assert_eq!(whole.status(), StatusCode::OK);
    let header = |name: &str| whole.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("content-type"), "video/mp4");
    assert_eq!(header("cache-control"), "public, max-age=3600");
    let whole = whole.into_body().collect().await.unwrap().to_bytes();
    let part = ask(&world, &path, Some(("range", "bytes=10-19"))).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], format!("bytes 10-19/{}", whole.len()));
    assert_eq!(part.into_body().collect().await.unwrap().to_bytes(), whole.slice(10..20));
    let beyond = ask(&world, &path, Some(("range", "bytes=999999999-"))).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let several = ask(&world, &path, Some(("range", "bytes=0-1,4-5"))).await;
    assert_eq!(several.status(), StatusCode::RANGE_NOT_SATISFIABLE, "one range at a time");
    let head = Request::head(&path).body(Body::empty()).unwrap();
    let head = world.service().streaming_router().oneshot(head).await.unwrap();
    assert_eq!(head.headers()["content-length"], whole.len().to_string());
    assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    for (path, headers) in
        [(&path[..], "authorization,range"), (&format!("/keydelivery/{ID}/{ID}"), "authorization")]
    {
        let preflight = Request::options(path)
            .header("origin", "https://player.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", headers);
        let router = world.service().streaming_router();
        let preflight = router.oneshot(preflight.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(
            (preflight.status(), &preflight.headers()["access-control-allow-headers"]),
            (StatusCode::OK, &headers.parse().unwrap())
        );
    }
    let posted = Request::post(&path).body(Body::empty()).unwrap();
    let posted = world.service().streaming_router().oneshot(posted).await.unwrap();
    assert_eq!(
        (posted.status(), &posted.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().unwrap())
    );
}

#[tokio::test]
async fn a_segment_that_a_player_has_is_not_sent_again() {
    let world = studio();
    published(&world, clear()).await;
    let path = format!("/{ID}/clip.ism/stream(encryption=none)/segment-0-1.m4s");
    let tag = ask(&world, &path, None).await.headers()["etag"].to_str().unwrap().to_owned();
    let known = ask(&world, &path, Some(("if-none-match", &format!("\"other\", {tag}")))).await;
    assert_eq!(
        (known.status(), known.headers()["etag"].to_str().unwrap()),
        (StatusCode::NOT_MODIFIED, &tag[..])
    );
    assert_eq!(known.headers()["cache-control"], "public, max-age=3600");
    let other = ask(&world, &path.replace("-1.m4s", "-2.m4s"), Some(("if-none-match", &tag))).await;
    assert_eq!(other.status(), StatusCode::OK);
    for (if_range, expected) in [(&tag[..], StatusCode::PARTIAL_CONTENT), ("\"other\"", StatusCode::OK)] {
        let request = Request::get(&path).header("range", "bytes=0-9").header("if-range", if_range);
        let router = world.service().streaming_router();
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), expected, "{if_range}");
    }
}

#[tokio::test]
async fn files_are_downloaded_where_the_policy_says_so() {
    let world = studio();
    published(&world, clear()).await;
    let name = world.storage.names("output").into_iter().find(|name| name.ends_with(".mp4")).unwrap();
    let film = std::fs::read(world.storage.file("output", &name)).unwrap();
    let path = format!("/{ID}/{name}");
    let part = ask(&world, &path, Some(("range", "bytes=4-7"))).await;
    assert_eq!(
        (part.status(), &part.headers()["content-type"]),
        (StatusCode::PARTIAL_CONTENT, &"video/mp4".parse().unwrap())
    );
    assert_eq!(text(part).await, "ftyp");
    let whole = ask(&world, &path, None).await.into_body().collect().await.unwrap().to_bytes();
    assert!(whole == film, "the file as it is");
    assert_eq!(status(&world, &format!("/{ID}/nonesuch.mp4")).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&world, &format!("/{ID}/..%2F..%2Fetc%2Fpasswd")).await, StatusCode::NOT_FOUND);
    locate(&world, json!({"streamingPolicyName": "Predefined_ClearStreamingOnly"})).await;
    assert_eq!(status(&world, &path).await, StatusCode::FORBIDDEN);
    locate(&world, json!({"streamingPolicyName": "Predefined_DownloadOnly"})).await;
    assert_eq!(status(&world, &path).await, StatusCode::OK);
    assert_eq!(status(&world, &format!("/{ID}/clip.ism/{HLS}")).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_locator_streams_within_its_window_and_while_the_endpoint_runs() {
    let world = studio();
    published(&world, clear()).await;
    let path = format!("/{ID}/clip.ism/{HLS}");
    assert_eq!(status(&world, &path).await, StatusCode::OK);
    for (member, time) in [("startTime", "2024-01-11T00:00:00Z"), ("endTime", "2024-01-09T00:00:00Z")] {
        let mut located = clear();
        located[member] = json!(time);
        locate(&world, located).await;
        assert_eq!(status(&world, &path).await, StatusCode::FORBIDDEN, "{member}");
    }
    let mut located = clear();
    located["endTime"] = json!("2024-01-10T09:00:50Z");
    locate(&world, located).await;
    let answer = ask(&world, &path, None).await;
    let age = answer.headers()["cache-control"]
        .to_str()
        .unwrap()
        .strip_prefix("public, max-age=")
        .unwrap()
        .to_owned();
    assert!(age.parse::<u32>().unwrap() <= 50, "{age}");
    world.post("streamingEndpoints/default/stop", Value::Null).await;
    assert_eq!(status(&world, &path).await, StatusCode::SERVICE_UNAVAILABLE);
    world.post("streamingEndpoints/default/start", Value::Null).await;
    assert_eq!(status(&world, &path).await, StatusCode::OK);
    world.delete("streamingLocators/l").await;
    assert_eq!(status(&world, &path).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_who_ask_at_once_have_one_package_made() {
    let world = studio();
    published(&world, clear()).await;
    let path = format!("/{ID}/clip.ism/{HLS}");
    let asked = (0..10).map(|_| status(&world, &path));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers, [StatusCode::OK; 10]);
    assert_eq!(world.packages().len(), 1);
}

#[tokio::test]
async fn what_was_asked_for_least_recently_goes_when_the_cache_is_full() {
    let world = studio_with_cache(1);
    published(&world, clear()).await;
    let ism = std::fs::read(world.storage.file("output", "clip.ism")).unwrap();
    world.storage.give("output", "other.ism", &[&ism[..], b"\n"].concat());
    for name in ["clip", "other", "clip"] {
        assert_eq!(status(&world, &format!("/{ID}/{name}.ism/{HLS}")).await, StatusCode::OK);
        let begun = std::time::Instant::now();
        while world.packages().len() > 1 {
            assert!(begun.elapsed() < std::time::Duration::from_secs(3), "the older package stays");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn broken_media_are_told_as_such_and_tried_again() {
    let world = studio();
    published(&world, clear()).await;
    let name = world.storage.names("output").into_iter().find(|name| name.ends_with(".mp4")).unwrap();
    let film = std::fs::read(world.storage.file("output", &name)).unwrap();
    world.storage.give("output", &name, b"no film");
    let path = format!("/{ID}/clip.ism/{HLS}");
    let answer = ask(&world, &path, None).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let said = text(answer).await;
    assert!(said.starts_with("ContentMalformed") && !said.contains("/tmp"), "{said}");
    world.storage.give("output", &name, &film);
    assert_eq!(status(&world, &path).await, StatusCode::OK);
    world.storage.give("output", "clip.ism", b"<smil><video src=\"../../etc/passwd\"/></smil>");
    assert_eq!(status(&world, &path).await, StatusCode::NOT_FOUND);
    world.storage.give("output", "clip.ism", b"no manifest");
    assert_eq!(status(&world, &path).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn names_that_urls_must_escape_are_found_by_the_paths_that_are_listed() {
    let world = studio();
    super::studio::give_clip(&world, "größe #1 [a]%20;b.mp4", CLIP);
    built_in_encode(&world, "H264SingleBitrateSD").await;
    locate(&world, clear()).await;
    let origin = Origin::of(&world).await;
    let (_, paths) = world.post("streamingLocators/l/listPaths", Value::Null).await;
    for path in paths["streamingPaths"].as_array().unwrap() {
        let url = format!("{}{}", origin.url, path["paths"][0].as_str().unwrap());
        assert_eq!(play(&url, "").await.unwrap().pictures, 240, "{url}");
    }
    for path in paths["downloadPaths"].as_array().unwrap() {
        assert_eq!(status(&world, path.as_str().unwrap()).await, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn sound_alone_plays() {
    let world = studio();
    super::studio::give_clip(&world, "clip.mp4", CLIP);
    built_in_encode(&world, "AACGoodQualityAudio").await;
    locate(&world, clear()).await;
    let origin = Origin::of(&world).await;
    for manifest in [HLS, DASH] {
        let played = play(&origin.presentation(manifest), "").await.unwrap();
        assert_eq!((played.videos, played.audios, played.seconds), (0, 1, 8.0), "{manifest}");
    }
}
