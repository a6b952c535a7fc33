//! What a ladder costs: processor time of the service's one run that decodes once, against one ffmpeg for each
//! rendition with the same encoders' options. Not a test: it fails nothing.
//!
//! `make bench` runs it and leaves `encode.txt`, `encode.json` and `encode.svg` in the target folder's `bench`.

#![expect(clippy::unwrap_used, reason = "whatever is missing ends the measurement")]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use local_azure::media_services::{Encoder, Ffmpeg};

use studio::{built_in_encode, give_clip};
use world::{Options, World};

#[expect(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/it/media_services/studio.rs"]
mod studio;
#[expect(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/it/media_services/subscriber.rs"]
mod subscriber;
#[expect(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/it/media_services/world.rs"]
mod world;

const PRESETS: [&str; 2] = ["H264MultipleBitrate720p", "AdaptiveStreaming"];
/// The median of five is not moved by one run that was disturbed.
const RUNS: usize = 5;
/// Twelve seconds that no rung can be copied from: its key frames are elsewhere, and its sound has another rate.
const SOURCE: &str = "-f lavfi -i testsrc2=size=1280x720:rate=30:duration=12,noise=alls=8:allf=t \
    -f lavfi -i sine=duration=12 -ac 2 -ar 44100 -g 250 -pix_fmt yuv420p -preset veryfast";
/// What we want to stay below.
const GOAL: f64 = 0.7;
/// `/proc` counts in hundredths of a second, whatever the kernel does.
const TICKS_PER_S: f64 = 100.0;

/// What one preset costs, in seconds of processor time, run by run.
struct Measured {
    preset: &'static str,
    renditions: usize,
    ours: Vec<f64>,
    apart: Vec<f64>,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let measured = PRESETS.map(|preset| runtime.block_on(measure(preset)));
    let table = table(&measured);
    print!("{table}");
    let folder = output_folder();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("encode.txt"), table).unwrap();
    std::fs::write(folder.join("encode.json"), figures(&measured)).unwrap();
    std::fs::write(folder.join("encode.svg"), chart(&measured)).unwrap();
    println!("written to {}", folder.display());
}

async fn measure(preset: &'static str) -> Measured {
    let notes = output_folder().join(format!("notes-{}", std::process::id()));
    std::fs::create_dir_all(&notes).unwrap();
    let (world, log) = (world(&notes), notes.join("arguments"));
    give_clip(&world, "film.mp4", SOURCE);
    let source = world.storage.file("input", "film.mp4");
    let (mut ours, mut apart, mut renditions) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        std::fs::write(&log, "").unwrap();
        let before = children_s();
        built_in_encode(&world, preset).await;
        ours.push(children_s() - before);
        let commands = one_by_one(&std::fs::read_to_string(&log).unwrap(), &source, &notes);
        renditions = commands.len();
        let before = children_s();
        for mut command in commands {
            assert!(command.status().unwrap().success(), "{command:?}");
        }
        apart.push(children_s() - before);
    }
    std::fs::remove_dir_all(&notes).unwrap();
    Measured { preset, renditions, ours, apart }
}

/// A world whose ffmpeg notes what it is asked before it does it.
fn world(notes: &Path) -> World {
    let noting = notes.join("ffmpeg");
    let log = notes.join("arguments");
    let script = format!("#!/bin/sh\nprintf '%s\\n' run \"$@\" >>'{}'\nexec ffmpeg \"$@\"\n", log.display());
    std::fs::write(&noting, script).unwrap();
    std::fs::set_permissions(&noting, std::fs::Permissions::from_mode(0o755)).unwrap();
    let encoder = |scratch: &Path| {
        let scratch = scratch.join("encoding");
        Encoder::Ffmpeg(Ffmpeg { ffmpeg: noting, ffprobe: "ffprobe".into(), scratch, pace: None })
    };
    World::new(encoder, &Options::default())
}

/// A command for each output: the same options, and only its own chains of filters. What the service encoded beforehand,
/// because several outputs share it, each of them encodes for itself.
fn one_by_one(log: &str, source: &Path, folder: &Path) -> Vec<Command> {
    let runs = log.split("run\n").filter(|run| !run.is_empty()).map(|run| run.lines().collect::<Vec<_>>());
    let runs = runs.collect::<Vec<_>>();
    let (last, before) = runs.split_last().unwrap();
    let (graph, outputs) = graph_and_outputs(last);
    let shared = before.first().map(|run| graph_and_outputs(run));
    let command = |(number, output): (usize, &[&str])| {
        let (mut graph, mut options) = (graph.to_owned(), output.join("\n"));
        if let Some((shared_graph, shared_outputs)) = &shared {
            let encoded = shared_outputs.join("\n");
            let (encoded, _) = encoded.split_once("\n-map_metadata").unwrap();
            options = options.replace("-map\n1:0\n-c:a:0\ncopy", encoded);
            graph = format!("{graph};{shared_graph}");
        }
        let chains = graph.split(';').collect::<Vec<_>>();
        let options = options.lines().collect::<Vec<_>>();
        let own = options.iter().filter_map(|option| chain_to(&chains, option)).collect::<Vec<_>>();
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", "-i"]).arg(source);
        command.args(["-filter_complex", &own.join(";")]).args(&options[..options.len() - 1]);
        command.arg(folder.join(format!("apart-{number}.mp4")));
        command
    };
    outputs.split_inclusive(|option| option.starts_with("file:")).enumerate().map(command).collect()
}

/// The filter graph of a run, and the options of its outputs.
fn graph_and_outputs<'a>(arguments: &'a [&'a str]) -> (&'a str, &'a [&'a str]) {
    let graph = arguments.iter().position(|argument| *argument == "-filter_complex").unwrap() + 1;
    (arguments[graph], &arguments[graph + 1..])
}

/// The filters that end in a pad, fed by the decoder and not by a split.
fn chain_to(chains: &[&str], pad: &str) -> Option<String> {
    let makes = |chain: &&&str, pad: &str| chain.contains(pad) && !chain.starts_with(pad);
    let chain = chains.iter().find(|chain| pad.starts_with('[') && makes(chain, pad))?;
    let (input, filters) = chain.split_at(chain.find(']')? + 1);
    let filters = filters.split(",split=").next()?.trim_end_matches(pad);
    let split = chains.iter().find(|chain| makes(chain, input))?;
    let (decoder, _) = split.split_at(split.find(']')? + 1);
    Some(format!("{decoder}{filters}{pad}"))
}

/// The processor time of all programs that were started and have ended, in seconds.
fn children_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in brackets may hold anything; the 16th and 17th fields are the 14th and 15th behind it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / TICKS_PER_S
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The largest less the smallest, in parts of the median.
fn spread(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::MAX, 0.0_f64), |(low, high), v| (low.min(*v), high.max(*v)));
    (high - low) / median(values)
}

impl Measured {
    fn ratio(&self) -> f64 {
        median(&self.ours) / median(&self.apart)
    }
}

fn table(measured: &[Measured]) -> String {
    let mut table = format!(
        "Processor seconds (user and system) for 12 s of 1280x720, medians of {RUNS} interleaved runs\n\
         {:<26} {:>10} {:>12} {:>8} {:>14} {:>8} {:>6}\n",
        "preset", "renditions", "one decode", "spread", "one by one", "spread", "ratio"
    );
    for one in measured {
        let (ours, apart) = (median(&one.ours), median(&one.apart));
        let (ours_spread, apart_spread) = (spread(&one.ours) * 100.0, spread(&one.apart) * 100.0);
        let _ = writeln!(
            table,
            "{:<26} {:>10} {ours:>12.2} {ours_spread:>7.0}% {apart:>14.2} {apart_spread:>7.0}% {:>6.2}",
            one.preset,
            one.renditions,
            one.ratio()
        );
    }
    let _ = writeln!(table, "The goal is a ratio of at most {GOAL}.");
    table
}

/// All figures, for programs.
fn figures(measured: &[Measured]) -> String {
    let of =
        |one: &Measured| (one.preset.to_owned(), serde_json::json!({"ours": one.ours, "apart": one.apart}));
    serde_json::Value::Object(measured.iter().map(of).collect()).to_string()
}

fn chart(measured: &[Measured]) -> String {
    let longest = measured.iter().map(|one| median(&one.apart)).fold(0.0, f64::max);
    let mut bars = String::new();
    for (number, one) in measured.iter().enumerate() {
        let top = 30 + number * 90;
        let _ = writeln!(
            bars,
            "<text x=\"10\" y=\"{top}\">{}: {:.2} of one by one</text>",
            one.preset,
            one.ratio()
        );
        for (row, (name, values, colour)) in
            [("one decode", &one.ours, "#2a7f62"), ("one by one", &one.apart, "#b0b0b0")]
                .into_iter()
                .enumerate()
        {
            let (y, seconds) = (top + 8 + row * 28, median(values));
            let width = seconds / longest * 400.0;
            let _ = writeln!(
                bars,
                "<rect x=\"10\" y=\"{y}\" width=\"{width:.0}\" height=\"22\" fill=\"{colour}\"/>"
            );
            let (x, y) = (width + 16.0, y + 16);
            let _ = writeln!(bars, "<text x=\"{x:.0}\" y=\"{y}\">{seconds:.1} s, {name}</text>");
        }
    }
    let height = 30 + measured.len() * 90;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n{bars}</svg>\n"
    )
}

/// `bench` beside the folder that cargo gives to programs such as this one, in the folder that it builds into.
fn output_folder() -> PathBuf {
    // The folder for files in work is in the target folder.
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench")
}
