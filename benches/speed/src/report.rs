//! What is left of a run: a table to read, all figures for programs, plots. Measures nothing and judges nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use time::OffsetDateTime;

use crate::cases::{self, CONNECTIONS, PEERS};
use crate::contender::Contender;
use crate::plot::{Scale, bars};
use crate::statistics::{Series, brief, table};
use crate::verdict::{Line, Measured};

/// How it was measured.
pub struct Circumstances {
    pub rounds: usize,
    pub seconds: f64,
    /// Processes that ran or waited to run before it began.
    pub load_before: String,
    pub is_pinned: bool,
}

/// The report as text.
pub fn text(circumstances: &Circumstances, measured: &Measured, faults: &[String]) -> String {
    let mut text = head(circumstances);
    for fault in faults {
        text += &format!("VOID: {fault}\n");
    }
    text += &format!("\n{}\n", goals(&measured.lines()));
    text += &format!("What the ratios are made of (medians):\n\n{}\n", figures(measured));
    text += &format!("Start and memory:\n\n{}\n", starts(measured));
    text += &format!("What else was measured:\n\n{}", rest(measured));
    text
}

fn head(circumstances: &Circumstances) -> String {
    let Circumstances { rounds, seconds, load_before, is_pinned } = circumstances;
    let now = OffsetDateTime::now_utc();
    let kernel = first_line("/proc/sys/kernel/osrelease", "");
    let cores = match is_pinned {
        true => "one core for what is measured, another for couriers and topic",
        false => "no core of its own for anybody, because `taskset` or a second core is missing",
    };
    format!(
        "make bench, {} {:02}:{:02} UTC, {}, Linux {kernel}, load {load_before} before.\n\
         Medians of {rounds} interleaved rounds of {seconds} s each (least to most); {cores};\n\
         {CONNECTIONS} connections unless said. Every acknowledgment and every success was counted at the topic.\n",
        now.date(),
        now.hour(),
        now.minute(),
        first_line("/proc/cpuinfo", "model name"),
    )
}

/// What stands behind a name and a colon, or in the first line if there is no name.
fn first_line(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.rsplit(": ").next().unwrap_or_default().trim().to_owned()
}

fn goals(lines: &[Line]) -> String {
    let rows = lines.iter().map(|line| {
        let goal = line.goal.map(|goal| goal.to_string()).unwrap_or_default();
        let verdict = match line.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        vec![line.what.clone(), line.values.to_string(), goal, verdict.to_owned()]
    });
    table(&["", "median (least to most)", "goal", ""], &rows.collect::<Vec<_>>())
}

fn figures(measured: &Measured) -> String {
    let mut rows = Vec::new();
    for contender in PEERS {
        for events in cases::BATCHES {
            rows.push(figures_of(measured, &cases::batch(contender, events)));
        }
    }
    figures_table(&rows)
}

/// Cases that are not in the table of contenders.
fn rest(measured: &Measured) -> String {
    let peers = PEERS.iter().flat_map(|peer| cases::BATCHES.map(|events| cases::batch(*peer, events)));
    let peers = peers.collect::<Vec<_>>();
    let others = measured.figures.keys().filter(|name| !peers.contains(name));
    figures_table(&others.map(|name| figures_of(measured, name)).collect::<Vec<_>>())
}

fn figures_table(rows: &[Vec<String>]) -> String {
    table(&["", "events/s", "CPU us/event", "core used", "POSTs/event", "p50 ms", "p99 ms"], rows)
}

fn figures_of(measured: &Measured, name: &str) -> Vec<String> {
    let figures = &measured.figures[name];
    let all = [
        &figures.events_per_s,
        &figures.cpu_us,
        &figures.core,
        &figures.posts_per_event,
        &figures.p50_ms,
        &figures.p99_ms,
    ];
    std::iter::once(name.to_owned()).chain(all.map(|series| brief(series.median()))).collect()
}

fn starts(measured: &Measured) -> String {
    let rows = PEERS.map(|contender| {
        let (start, peak) = (&measured.starts[contender.name()], measured.peak_mb[contender.name()]);
        let name = contender.name().to_owned();
        let own = brief(start.idle_own_mb.median());
        vec![name, start.handshake_ms.to_string(), start.idle_mb.to_string(), own, brief(peak)]
    });
    table(&["", "start to handshake, ms", "idle, MB", "its own of that", "most under load, MB"], &rows)
}

/// Writes everything into a folder.
pub fn write(folder: &Path, text: &str, measured: &Measured, faults: &[String]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("report.md"), format!("# Measured\n\n```\n{text}```\n"))?;
    let results = json!({"faults": faults, "lines": measured.lines(), "measured": measured});
    std::fs::write(folder.join("results.json"), format!("{results:#}\n"))?;
    for (name, plot) in plots(measured) {
        std::fs::write(folder.join(name), plot)?;
    }
    Ok(())
}

fn plots(measured: &Measured) -> BTreeMap<&'static str, String> {
    let rows = |contenders: &[Contender], name: &dyn Fn(Contender) -> String| {
        contenders.iter().map(|contender| name(*contender)).collect::<Vec<_>>()
    };
    let batches = cases::BATCHES.iter().flat_map(|events| rows(&PEERS, &|peer| cases::batch(peer, *events)));
    let batches = batches.collect::<Vec<_>>();
    let both = [Contender::Gridwich, Contender::Bare];
    let growth =
        cases::CONCURRENT.iter().flat_map(|at_once| rows(&both, &|one| cases::concurrent(one, *at_once)));
    let growth = growth.collect::<Vec<_>>();
    let chart = |title: &str, scale, names: &[String], of: &dyn Fn(&cases::Figures) -> &Series| {
        let rows = names.iter().map(|name| (name.clone(), of(&measured.figures[name]))).collect::<Vec<_>>();
        bars(title, scale, &rows)
    };
    let memory = PEERS.map(|peer| (peer.name().to_owned(), Series(vec![measured.peak_mb[peer.name()]])));
    let memory = memory.iter().map(|(name, peak)| (name.clone(), peak)).collect::<Vec<_>>();
    let starts = PEERS.map(|peer| (peer.name().to_owned(), &measured.starts[peer.name()].handshake_ms));
    BTreeMap::from([
        (
            "rates.svg",
            chart("Events a second on one core", Scale::Logarithmic, &batches, &|of| &of.events_per_s),
        ),
        (
            "cpu.svg",
            chart("Processor time an event, microseconds", Scale::Logarithmic, &batches, &|of| &of.cpu_us),
        ),
        (
            "growth.svg",
            chart("Events a second by concurrent deliveries", Scale::Linear, &growth, &|of| &of.events_per_s),
        ),
        (
            "growth-p99.svg",
            chart("p99 by concurrent deliveries, ms", Scale::Logarithmic, &growth, &|of| &of.p99_ms),
        ),
        ("memory.svg", bars("Most memory under load, MB", Scale::Linear, &memory)),
        ("start.svg", bars("Start to first handshake, ms", Scale::Logarithmic, &starts)),
    ])
}
