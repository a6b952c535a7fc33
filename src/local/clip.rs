//! The demo's clip: ten seconds of moving picture and tone, made on the spot. Looks at what came of it, too.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A clip of this length takes under a second to make, and a few to encode.
const CLIP_SECONDS: u32 = 10;
/// Making the clip, or looking at a file, takes no longer than this on any machine that can run the demo.
const TOOL_SECONDS_MAX: Duration = Duration::from_secs(60);

/// Makes the clip: 720p, H.264 and AAC.
pub(super) async fn make(path: &Path) -> Result<(), String> {
    let picture = format!("testsrc2=size=1280x720:rate=30:duration={CLIP_SECONDS}");
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={CLIP_SECONDS}");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &picture])
        .args(["-f", "lavfi", "-i", &tone, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .args(["-c:a", "aac", "-movflags", "+faststart"])
        .arg(path);
    run(ffmpeg, "ffmpeg").await.map(|_| ())
}

/// What a file holds, in one line; an error when no player would take it.
pub(super) async fn describe(path: &Path) -> Result<String, String> {
    let is_picture = path.extension().is_some_and(|extension| extension == "jpg");
    let length = if is_picture { "" } else { ":format=duration" };
    let lines = probe(&format!("stream=codec_name,width,height{length}"), path.as_os_str()).await?;
    Ok(lines.lines().map(|line| line.trim_end_matches(',')).collect::<Vec<_>>().join(", "))
}

/// How many renditions a publication has, and what its tracks are; an error when no player would take it.
pub(super) async fn describe_best(url: &str) -> Result<String, String> {
    let lines = probe("stream=codec_name,width,height", url.as_ref()).await?;
    let (pictures, sounds): (Vec<_>, Vec<_>) = lines.lines().partition(|line| line.contains(','));
    let largest = pictures
        .iter()
        .max_by_key(|line| line.split(',').filter_map(|side| side.parse::<u64>().ok()).product::<u64>());
    let largest = largest.ok_or_else(|| format!("{url} has no picture"))?.trim_end_matches(',');
    let renditions = pictures.iter().collect::<std::collections::BTreeSet<_>>().len();
    let sound = sounds.first().map(|sound| format!(", {sound}")).unwrap_or_default();
    Ok(format!("{renditions} renditions up to {largest}{sound}"))
}

async fn probe(entries: &str, what: &std::ffi::OsStr) -> Result<String, String> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"]).arg(what);
    run(ffprobe, "ffprobe").await
}

async fn run(mut command: Command, name: &str) -> Result<String, String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(TOOL_SECONDS_MAX, command.output()).await;
    let ended = ended.map_err(|_| format!("{name} took longer than a minute"))?;
    let output = ended.map_err(|error| format!("{name} cannot be run: {error} (`make demo` installs it)"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
