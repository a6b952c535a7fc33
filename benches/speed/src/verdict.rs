//! The ratios that count, each beside its goal. How figures came about is not known here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cases::{self, Book, Figures};
use crate::contender::Contender::{
    self, Bare, Gridwich, GridwichObserved, GridwichSilent, Naive, Node, Python,
};
use crate::starts::Start;
use crate::statistics::{Goal, Series};

/// A figure and what it should come to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub what: String,
    pub values: Series,
    pub goal: Option<Goal>,
}

impl Line {
    fn new(what: impl Into<String>, values: Series, goal: impl Into<Option<Goal>>) -> Self {
        Self { what: what.into(), values, goal: goal.into() }
    }

    /// Whether the median is where it should be.
    pub fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| goal.is_met_by(self.values.median()))
    }
}

/// What the measurement of encodes left: seconds of processor time, run by run.
#[derive(Debug, Deserialize, Serialize)]
pub struct Encode {
    pub ours: Series,
    pub apart: Series,
}

/// Everything that was measured.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    pub figures: Book,
    pub starts: BTreeMap<&'static str, Start>,
    /// The most memory that each ever had, in megabytes.
    pub peak_mb: BTreeMap<&'static str, f64>,
    pub program_mb: f64,
    pub encodes: BTreeMap<String, Encode>,
}

impl Measured {
    fn of(&self, name: &str) -> &Figures {
        &self.figures[name]
    }

    fn rates(&self, ours: &str, theirs: &str) -> Series {
        self.of(ours).events_per_s.over(&self.of(theirs).events_per_s)
    }

    fn costs(&self, ours: &str, theirs: &str) -> Series {
        self.of(ours).cpu_us.over(&self.of(theirs).cpu_us)
    }

    /// All lines, those with goals first within their subject.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = self.endpoint();
        lines.extend(self.steady());
        lines.extend(self.start_and_memory());
        lines.extend(self.growth());
        lines.extend(self.contexts());
        lines.extend(self.encodes.iter().map(|(preset, encode)| {
            let what = format!("encode of {preset}, one decode : one ffmpeg for each rendition, CPU");
            Line::new(what, encode.ours.over(&encode.apart), Goal::AtMost(0.7))
        }));
        lines
    }

    fn endpoint(&self) -> Vec<Line> {
        let [ours, ten, fifty] = cases::BATCHES.map(|events| cases::batch(Gridwich, events));
        let against = |contender, events| cases::batch(contender, events);
        vec![
            Line::new(
                "events/s, 1 a POST, Gridwich : bare",
                self.rates(&ours, &against(Bare, 1)),
                Goal::AtLeast(0.5),
            ),
            Line::new(
                "CPU an event, 1 a POST, Gridwich : bare",
                self.costs(&ours, &against(Bare, 1)),
                Goal::AtMost(2.1),
            ),
            Line::new(
                "events/s, Gridwich, 10 a POST : 1 a POST",
                self.rates(&ten, &ours),
                Goal::AtLeast(5.0),
            ),
            Line::new("events/s, Gridwich, 50 a POST : 1 a POST", self.rates(&fifty, &ours), None),
            Line::new(
                "POSTs to the topic an event, 1 a POST",
                self.of(&ours).posts_per_event.clone(),
                Goal::AtMost(0.2),
            ),
            Line::new(
                "events/s, 1 a POST, Gridwich : naive Rust",
                self.rates(&ours, &against(Naive, 1)),
                None,
            ),
            Line::new(
                "events/s, 1 a POST, Gridwich : Node.js",
                self.rates(&ours, &against(Node, 1)),
                Goal::AtLeast(12.0),
            ),
            Line::new(
                "events/s, 1 a POST, Gridwich : Python",
                self.rates(&ours, &against(Python, 1)),
                Goal::AtLeast(60.0),
            ),
            Line::new("events/s, 10 a POST, Gridwich : Node.js", self.rates(&ten, &against(Node, 10)), None),
            Line::new("events/s, 10 a POST, Gridwich : Python", self.rates(&ten, &against(Python, 10)), None),
        ]
    }

    fn steady(&self) -> Vec<Line> {
        let half = |contender| self.of(&cases::half(contender)).p99_ms.clone();
        let topic = self.of(&cases::topic(Gridwich));
        let [observed, ours, silent] = [GridwichObserved, Gridwich, GridwichSilent].map(cases::observed);
        vec![
            Line::new("p99 at half its peak, Gridwich, ms", half(Gridwich), Goal::AtMost(1.0)),
            Line::new("p99 at half its peak, bare, ms", half(Bare), None),
            Line::new("p99 at half its peak, Node.js, ms", half(Node), None),
            Line::new("p99 at half its peak, Python, ms", half(Python), None),
            Line::new("share of a core at 5,000 events/s", topic.core.clone(), Goal::AtMost(0.07)),
            Line::new(
                "share of a core at 5,000 events/s, bare",
                self.of(&cases::topic(Bare)).core.clone(),
                None,
            ),
            Line::new(
                "CPU an event, traces, metrics, logs and secret : none",
                self.costs(&observed, &silent),
                Goal::AtMost(1.25),
            ),
            Line::new("CPU an event, as the defaults have it : none", self.costs(&ours, &silent), None),
        ]
    }

    fn start_and_memory(&self) -> Vec<Line> {
        let start = &self.starts[Gridwich.name()];
        let once = |value: f64| Series(vec![value]);
        let peak = |contender: Contender| self.peak_mb[contender.name()];
        let against = |contender| once(peak(Gridwich) / peak(contender));
        vec![
            Line::new("start to first handshake, ms", start.handshake_ms.clone(), Goal::AtMost(15.0)),
            Line::new("memory, idle, MB", start.idle_mb.clone(), Goal::AtMost(8.0)),
            Line::new(
                "memory, idle, its own and no page of the program, MB",
                start.idle_own_mb.clone(),
                None,
            ),
            Line::new("memory, most under load, MB", once(peak(Gridwich)), Goal::AtMost(32.0)),
            Line::new("memory, most under load, Gridwich : Node.js", against(Node), Goal::AtMost(0.1)),
            Line::new("memory, most under load, Gridwich : Python", against(Python), Goal::AtMost(0.1)),
            Line::new("program, MB", once(self.program_mb), Goal::AtMost(15.0)),
        ]
    }

    fn growth(&self) -> Vec<Line> {
        let ten = cases::concurrent(Gridwich, 10);
        let mut lines = Vec::new();
        for connections in cases::CONCURRENT {
            let name = cases::concurrent(Gridwich, connections);
            let (rates, p99) =
                (self.rates(&name, &cases::concurrent(Bare, connections)), self.of(&name).p99_ms.clone());
            lines.push(Line::new(format!("events/s, {connections} at once, Gridwich : bare"), rates, None));
            lines.push(Line::new(format!("p99, {connections} at once, ms"), p99, None));
        }
        let thousand = cases::concurrent(Gridwich, 1_000);
        lines.push(Line::new("CPU an event, 1,000 at once : 10 at once", self.costs(&thousand, &ten), None));
        let [one, two] = [1, 2].map(cases::replicas);
        lines.push(Line::new(
            "CPU an event, 2 replicas on one core : 1 replica",
            self.costs(&two, &one),
            None,
        ));
        let stored = self.costs(cases::STORAGE, &cases::batch(Gridwich, 1));
        lines.push(Line::new("CPU an event, answer kept in storage : kept nowhere", stored, None));
        lines
    }

    fn contexts(&self) -> Vec<Line> {
        let small = cases::context(Gridwich, cases::CONTEXTS[0]);
        let mut lines = Vec::new();
        for bytes in cases::CONTEXTS {
            let name = cases::context(Gridwich, bytes);
            let bare = self.costs(&name, &cases::context(Bare, bytes));
            lines.push(Line::new(
                format!("CPU an event, context of {bytes} bytes, Gridwich : bare"),
                bare,
                None,
            ));
            if bytes > cases::CONTEXTS[0] {
                let what = format!("CPU an event, context of {bytes} bytes : {} bytes", cases::CONTEXTS[0]);
                lines.push(Line::new(what, self.costs(&name, &small), None));
            }
        }
        lines
    }
}
