//! What came of a run: the counts as a table, and the promises that were broken. Counts, and repairs nothing.

use std::fmt;
use std::time::Duration;

use super::balancer::Deliveries;
use super::ledger::Fault;

/// A promise broken to one operation, with all that was seen of it.
pub struct Broken {
    pub fault: Fault,
    /// In words.
    pub what: String,
    /// The lines of the journal; empty where others have been told already.
    pub story: String,
}

/// What came of a run.
pub struct Report {
    pub operations: usize,
    pub took: Duration,
    pub kills: usize,
    pub restarts: usize,
    /// The longest that a replica took to stop.
    pub longest_stop: Duration,
    pub refused_posts: u64,
    pub answers: u64,
    pub missed: u64,
    pub strangers: Vec<String>,
    pub broken: Vec<Broken>,
    /// Acknowledgments that came again to operations whose delivery was cut off by a kill.
    pub acknowledged_again_after_kills: u64,
    /// Those of others.
    pub acknowledged_again_otherwise: u64,
    /// Other answers that came again.
    pub answered_again: u64,
    /// Tiers that were set again to the same.
    pub tiers_set_again: u64,
    pub given_up: u64,
    pub deliveries: Deliveries,
    pub resident_max: u64,
    /// What else did not go as it must, in words.
    pub troubles: Vec<String>,
}

impl Report {
    fn count(&self, fault: Fault) -> usize {
        self.broken.iter().filter(|broken| broken.fault == fault).count()
    }

    /// How long a share of all deliveries took at most, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut took = self.deliveries.took.clone();
        took.sort_unstable();
        let last = took.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        took.get(at).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
    }

    /// Every promise that was broken, in words, with the stories of the first.
    pub fn faults(&self) -> Vec<String> {
        let stories = self.broken.iter();
        let stories = stories.map(|broken| format!("{:?}: {}\n{}", broken.fault, broken.what, broken.story));
        let strangers =
            self.strangers.iter().map(|stranger| format!("for an operation nobody asked for: {stranger}"));
        let mut faults = stories.chain(strangers).chain(self.troubles.iter().cloned()).collect::<Vec<_>>();
        if self.missed > 0 {
            faults.push(format!("{} answers were accepted while nobody looked", self.missed));
        }
        if self.given_up > 0 {
            faults.push(format!("Event Grid gave up {} events", self.given_up));
        }
        faults
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deliveries { settled, come_again, otherwise, refused, broken, .. } = &self.deliveries;
        let seconds = self.took.as_secs_f64();
        let (operations, a_second) = (self.operations, self.operations as f64 / seconds);
        let percent = |count: u64| count as f64 * 100.0 / operations as f64;
        let [half, most, longest] = [0.5, 0.99, 1.0].map(|share| self.percentile(share));
        let stop_seconds = self.longest_stop.as_secs_f64();
        let conflicting = self.count(Fault::Conflicting) + self.strangers.len();
        let (after_kills, repeated) =
            (self.acknowledged_again_after_kills, self.acknowledged_again_otherwise);
        let (share, share_after_kills) = (percent(repeated), percent(after_kills));
        let mut line = |name: &str, count: u64, more: fmt::Arguments<'_>| {
            writeln!(f, "  {name:<24} {count:>9}   {more}")
        };
        line("operations", operations as u64, format_args!("in {seconds:.1} s, {a_second:.0} a second"))?;
        line("kills", self.kills as u64, format_args!(""))?;
        line("restarts", self.restarts as u64, format_args!("longest stop {stop_seconds:.2} s"))?;
        line("POSTs refused", self.refused_posts, format_args!("of those to the response topic"))?;
        line("answers accepted", self.answers, format_args!(""))?;
        line("lost", self.count(Fault::Lost) as u64, format_args!(""))?;
        line("conflicting", conflicting as u64, format_args!(""))?;
        line("untrue", self.count(Fault::Untrue) as u64, format_args!(""))?;
        line("effects not once", self.count(Fault::Effect) as u64, format_args!(""))?;
        line("repeats not equal", self.count(Fault::Unequal) as u64, format_args!(""))?;
        line("acknowledged again", repeated, format_args!("{share:.3} %"))?;
        line("… cut off by a kill", after_kills, format_args!("{share_after_kills:.3} %"))?;
        line("answered again", self.answered_again, format_args!("otherwise, with the same id and data"))?;
        line("tiers set to the same", self.tiers_set_again, format_args!(""))?;
        line(
            "deliveries settled",
            *settled,
            format_args!("p50 {half:.1} ms, p99 {most:.1} ms, longest {longest:.1} ms"),
        )?;
        line("… answered 503", *come_again, format_args!(""))?;
        line("… answered otherwise", *otherwise, format_args!(""))?;
        line("… broken off", *broken, format_args!(""))?;
        line("… accepted by nobody", *refused, format_args!(""))?;
        line("replica's memory, KiB", self.resident_max, format_args!("the most that one held"))
    }
}
