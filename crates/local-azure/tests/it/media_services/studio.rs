//! Makes small media files, has them encoded for real, and looks into what came out. Every test that uses it fails
//! where ffmpeg is not installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use http::StatusCode;
use local_azure::media_services::{Encoder, Ffmpeg};
use serde_json::{Value, json};

use super::world::{Options, World, built_in, job_body};

/// Three seconds of moving pictures and a tone.
pub const CLIP: &str =
    "-f lavfi -i testsrc2=size=640x360:rate=30:duration=3 -f lavfi -i sine=duration=3 -ac 1 -b:v 2M";

/// A world that encodes as fast as it can.
pub fn studio() -> World {
    paced_studio(None)
}

/// A world that encodes so many seconds of media per second.
pub fn paced_studio(pace: Option<f64>) -> World {
    world(pace, &Options::default())
}

fn world(pace: Option<f64>, options: &Options) -> World {
    let encoder = |scratch: &Path| {
        let scratch = scratch.join("encoding");
        Encoder::Ffmpeg(Ffmpeg { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into(), scratch, pace })
    };
    World::new(encoder, options)
}

/// A world whose accounts outlive their process.
pub fn kept_studio() -> World {
    world(None, &Options { is_kept: true, ..Options::default() })
}

/// A world that keeps so many bytes of packaged media.
pub fn studio_with_cache(bytes: u64) -> World {
    world(None, &Options { cache_bytes_max: bytes, ..Options::default() })
}

/// A world that encrypts for DRM, whose licences are at a URL unless policies say where.
pub fn studio_with_packager(licence_url: Option<&str>) -> World {
    studio_with_packager_and_cache(licence_url, Options::default().cache_bytes_max)
}

/// The same, which keeps so many bytes of packaged media.
pub fn studio_with_packager_and_cache(licence_url: Option<&str>, cache_bytes_max: u64) -> World {
    let packager = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/packager/shaka-packager");
    assert!(packager.exists(), "{} is missing: `make test` installs it", packager.display());
    studio_with(packager, licence_url, cache_bytes_max)
}

/// The same, with any program for a packager.
pub fn studio_with(packager: PathBuf, licence_url: Option<&str>, cache_bytes_max: u64) -> World {
    let licence_url = licence_url.map(str::to_owned);
    world(None, &Options { packager: Some(packager), licence_url, cache_bytes_max, ..Options::default() })
}

/// Encodes what is in the container `input` by a preset's name.
pub async fn built_in_encode(world: &World, name: &str) {
    encoded(world, built_in(name)).await;
}

/// Makes a media file in the container `input`, as ffmpeg is told.
pub fn give_clip(world: &World, name: &str, arguments: &str) {
    world.storage.give("input", name, b"");
    let file = world.storage.file("input", name);
    let words = format!("-v error -y {arguments}");
    let words = words.split(' ').chain([file.to_str().unwrap()]).collect::<Vec<_>>();
    tool("ffmpeg", &words);
}

/// Runs a job with a preset over what is in the container `input`, to its end.
pub async fn encode(world: &World, preset: Value) -> Value {
    encode_input(world, preset, job_body()["properties"]["input"].clone()).await
}

/// Runs a job with a preset over an input, to its end.
pub async fn encode_input(world: &World, preset: Value, input: Value) -> Value {
    for asset in ["input", "output"] {
        world.put(&format!("assets/{asset}"), json!({"properties": {"container": asset}})).await;
    }
    let transform = json!({"properties": {"outputs": [{"preset": preset}]}});
    let (status, answer) = world.put("transforms/t", transform).await;
    assert!(status.is_success(), "{answer}");
    world.delete("transforms/t/jobs/j").await;
    let mut body = job_body();
    body["properties"]["input"] = input;
    let (status, answer) = world.put("transforms/t/jobs/j", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    world.ended("transforms/t/jobs/j").await
}

/// Runs a job that has to succeed, and gives the names of the media files it made.
pub async fn encoded(world: &World, preset: Value) -> Vec<String> {
    finished(world, &encode(world, preset).await)
}

/// The media files of a job that has to have succeeded.
pub fn finished(world: &World, job: &Value) -> Vec<String> {
    assert_eq!(job["state"], "Finished", "{job}");
    let mut names = world.storage.names("output");
    names.retain(|name| !name.ends_with(".ism") && !name.ends_with(".json"));
    names
}

/// The error of a job that has to have failed, without any files left.
pub fn failed(world: &World, job: &Value) -> (String, String) {
    assert_eq!(job["state"], "Error", "{job}");
    assert_eq!(world.storage.names("output"), [""; 0]);
    let error = &job["outputs"][0]["error"];
    (text(&error["code"]).to_owned(), text(&error["message"]).to_owned())
}

/// A `StandardEncoderPreset` with one MP4 format.
pub fn standard(codecs: &Value, pattern: &str) -> Value {
    json!({
        "@odata.type": "#Microsoft.Media.StandardEncoderPreset",
        "codecs": codecs,
        "formats": [{"@odata.type": "#Microsoft.Media.Mp4Format", "filenamePattern": pattern}],
    })
}

/// A codec of a `StandardEncoderPreset`.
pub fn codec(kind: &str, members: &Value) -> Value {
    let mut codec = json!({"@odata.type": format!("#Microsoft.Media.{kind}")});
    codec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    codec
}

/// A clip of the asset `input`, by file and seconds.
pub fn clip(file: &str, start: Option<&str>, end: Option<&str>) -> Value {
    let mut input =
        json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input", "files": [file]});
    for (member, time) in [("start", start), ("end", end)] {
        if let Some(time) = time {
            input[member] = json!({"@odata.type": "#Microsoft.Media.AbsoluteClipTime", "time": time});
        }
    }
    input
}

/// What ffprobe says of an output.
pub fn probe(world: &World, name: &str) -> Value {
    let file = world.storage.file("output", name);
    let arguments = ["-v", "error", "-show_streams", "-show_format", "-of", "json", file.to_str().unwrap()];
    serde_json::from_str(&looked_into(&file, &arguments)).unwrap()
}

/// The tracks of an output, for example `h264 640x360` and `aac 2`.
pub fn tracks(world: &World, name: &str) -> Vec<String> {
    let probed = probe(world, name);
    let track = |stream: &Value| match text(&stream["codec_type"]) {
        "video" => format!("{} {}x{}", text(&stream["codec_name"]), stream["width"], stream["height"]),
        _ => format!("{} {}", text(&stream["codec_name"]), stream["channels"]),
    };
    probed["streams"].as_array().unwrap().iter().map(track).collect()
}

/// The colour in the middle of an area of an output's picture at a time, as red, green and blue; positions are parts
/// of the width and the height.
pub fn colour_at(world: &World, name: &str, seconds: f64, (x, y): (f64, f64)) -> [u8; 3] {
    let file = world.storage.file("output", name);
    let filter = format!("crop=iw/20:ih/20:(iw-iw/20)*{x}:(ih-ih/20)*{y},scale=1:1:flags=area,format=rgb24");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-ss", &seconds.to_string(), "-i", file.to_str().unwrap(), "-frames:v", "1"])
        .args(["-vf", &filter, "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    output.stdout.try_into().unwrap_or_else(|bytes| panic!("no picture of {name} at {seconds}: {bytes:?}"))
}

/// Whether a colour is about the wanted one.
pub fn is_about(colour: [u8; 3], wanted: [u8; 3]) -> bool {
    colour.iter().zip(wanted).all(|(own, wanted)| own.abs_diff(wanted) < 40)
}

/// How loud an output's sound is from one time to another, in decibels below full.
pub fn loudness_db(world: &World, name: &str, from_s: f64, to_s: f64) -> f64 {
    let file = world.storage.file("output", name);
    let (from, length) = (from_s.to_string(), (to_s - from_s).to_string());
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-ss", &from, "-t", &length, "-i", file.to_str().unwrap(), "-vn"])
        .args(["-af", "volumedetect", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let (_, mean) = said.split_once("mean_volume: ").unwrap_or_else(|| panic!("no sound in {name}: {said}"));
    mean.split(' ').next().unwrap().parse().unwrap()
}

/// The length of an output.
pub fn duration_s(world: &World, name: &str) -> f64 {
    text(&probe(world, name)["format"]["duration"]).parse().unwrap()
}

/// The times of an output's key frames.
pub fn key_frames(world: &World, name: &str) -> Vec<String> {
    let packets = packets(world, name);
    let key = packets.lines().filter(|line| line.contains(",K")).map(|line| line.split(',').next().unwrap());
    key.map(str::to_owned).collect()
}

/// How many pictures an output has.
pub fn frame_count(world: &World, name: &str) -> usize {
    packets(world, name).lines().filter(|line| !line.is_empty()).count()
}

fn packets(world: &World, name: &str) -> String {
    let file = world.storage.file("output", name);
    let show = "packet=pts_time,flags";
    let arguments = ["-v", "error", "-select_streams", "v", "-show_entries", show, "-of", "csv=p=0"];
    looked_into(&file, &[&arguments[..], &[file.to_str().unwrap()]].concat())
}

/// What ffprobe says, once for each question about a file as it is: starting a program takes longer than looking.
fn looked_into(file: &Path, arguments: &[&str]) -> String {
    type Question = (std::time::SystemTime, Vec<String>);
    static ANSWERS: Mutex<BTreeMap<Question, String>> = Mutex::new(BTreeMap::new());
    let written = std::fs::metadata(file).unwrap().modified().unwrap();
    let question = (written, arguments.iter().map(ToString::to_string).collect());
    if let Some(answer) = ANSWERS.lock().unwrap().get(&question) {
        return answer.clone();
    }
    let answer = tool("ffprobe", arguments);
    ANSWERS.lock().unwrap().insert(question, answer.clone());
    answer
}

/// A JSON text, or nothing.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Runs a program that these tests cannot do without.
fn tool(program: &str, arguments: &[&str]) -> String {
    let missing = |error| panic!("{program} is needed for this test (apt-get install ffmpeg): {error}");
    let output = Command::new(program).args(arguments).output().unwrap_or_else(missing);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
