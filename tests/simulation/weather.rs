//! What goes wrong on which road, and when: drawn from the seed. Not how it is done to a request.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;

use super::chance::Chance;

/// A road that requests take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Road {
    /// From Event Grid to a processor.
    Delivery,
    /// From a processor to the topic of answers.
    Topic,
    /// To blob storage.
    Storage,
    /// To the encoders of the first region.
    West,
    /// To those of the second.
    North,
    /// To the management of storage accounts.
    Management,
}

/// What becomes of a request on its way to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answered so before anything happened, with `Retry-After` in seconds when given.
    Refused(u16, Option<u32>),
    /// Nobody is reached.
    Unreachable,
    /// It never arrives, and no answer comes.
    Hangs,
    /// It takes effect, and no answer comes.
    HangsAfter,
    /// It takes effect, and the connection breaks.
    BreaksAfter,
    /// It takes effect, and is answered so.
    AnsweredAfter(u16),
    /// It arrives late, whether or not its sender still waits.
    Late(Duration),
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The processor never sees it.
    Dropped,
    /// The processor's answer is lost.
    AnswerLost,
    /// The answer comes when nobody waits for it any more.
    AnsweredLate,
    /// It comes late, and what was sent after it before it.
    Delayed(Duration),
    /// It comes a second time, to any replica, so much later.
    Doubled(Duration),
    /// It is taken for delivered, and nobody gets it: only completions, which somebody else must make good.
    Lost,
}

/// All that a seed has in store.
pub struct Weather {
    chance: Chance,
    /// How often a road is disturbed, in thousandths.
    per_mille: BTreeMap<Road, usize>,
    /// When a road is closed, from and until.
    closed: Vec<(Road, Duration, Duration)>,
    /// How often a replica dies, in thousandths of the requests it sends.
    pub kills: usize,
    /// How often a completion is lost, in thousandths.
    pub losses: usize,
    /// From when on everybody behaves.
    pub calm: Duration,
    /// What was done, and how often.
    pub done: BTreeMap<&'static str, u64>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Weather {
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "weather");
        let roads = [Road::Delivery, Road::Topic, Road::Storage, Road::West, Road::North, Road::Management];
        // Light weather finds what heavy weather hides behind failures, and the other way round.
        let per_mille = roads.map(|road| (road, *chance.pick(&[0, 5, 20, 60, 200])));
        let calm = 30 * MINUTE + chance.up_to(150 * MINUTE);
        let mut closed = Vec::new();
        for road in &roads[1..] {
            if chance.happens(250) {
                let from = chance.up_to(calm / 2);
                let longest = *chance.pick(&[MINUTE / 2, 3 * MINUTE, 20 * MINUTE]);
                closed.push((*road, from, from + chance.up_to(longest)));
            }
        }
        Self {
            per_mille: per_mille.into(),
            closed,
            kills: *chance.pick(&[0, 2, 10, 40]),
            losses: *chance.pick(&[0, 0, 50, 300]),
            calm,
            chance,
            done: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    /// Whether the replica that is about to send a request dies, and whether that request still gets away.
    pub fn kill(&mut self, now: Duration) -> Option<bool> {
        let dies = now < self.calm && self.chance.happens(self.kills);
        dies.then(|| {
            let gets_away = self.chance.happens(500);
            self.count(if gets_away { "killed after a request" } else { "killed before a request" });
            gets_away
        })
    }

    /// How long a replica that died is gone.
    pub fn absence(&mut self) -> Duration {
        self.chance.up_to(MINUTE)
    }

    /// What becomes of a request; only one for something new can be in conflict with somebody.
    pub fn fault(&mut self, road: Road, is_exclusive: bool, now: Duration) -> Option<Fault> {
        if now >= self.calm {
            return None;
        }
        if self.closed.iter().any(|(closed, from, until)| *closed == road && (*from..*until).contains(&now)) {
            self.count("met a closed road");
            return Some(*self.chance.pick(&[Fault::Refused(503, None), Fault::Unreachable, Fault::Hangs]));
        }
        if !self.chance.happens(self.per_mille[&road]) {
            return None;
        }
        let after = u32::try_from(self.chance.below(20)).unwrap_or_default();
        let late = self.chance.up_to(MINUTE / 2);
        let fault = *self.chance.pick(&[
            Fault::Refused(429, Some(after)),
            Fault::Refused(500, None),
            Fault::Refused(503, None),
            Fault::Refused(if is_exclusive { 409 } else { 500 }, None),
            Fault::Refused(if is_exclusive { 412 } else { 503 }, None),
            Fault::Unreachable,
            Fault::Hangs,
            Fault::HangsAfter,
            Fault::BreaksAfter,
            Fault::AnsweredAfter(500),
            Fault::AnsweredAfter(503),
            Fault::Late(late),
        ]);
        self.count(match fault {
            Fault::Refused(429, _) => "refused with 429",
            Fault::Refused(409, _) => "refused with 409",
            Fault::Refused(412, _) => "refused with 412",
            Fault::Refused(..) => "refused with 500 or 503",
            Fault::Unreachable => "nobody reached",
            Fault::Hangs => "never arrived",
            Fault::HangsAfter => "took effect, never answered",
            Fault::BreaksAfter => "took effect, connection broke",
            Fault::AnsweredAfter(_) => "took effect, answered 500 or 503",
            Fault::Late(_) => "arrived late",
        });
        Some(fault)
    }

    /// What becomes of a delivery; of completions only, it may be lost.
    pub fn mishap(&mut self, is_completion: bool, now: Duration) -> Option<Mishap> {
        if now >= self.calm {
            return None;
        }
        if is_completion && self.chance.happens(self.losses) {
            self.count("completion lost");
            return Some(Mishap::Lost);
        }
        if !self.chance.happens(self.per_mille[&Road::Delivery]) {
            return None;
        }
        let (delay, again) = (self.chance.up_to(30 * MINUTE), self.chance.up_to(2 * MINUTE));
        let mishap = *self.chance.pick(&[
            Mishap::Dropped,
            Mishap::AnswerLost,
            Mishap::AnsweredLate,
            Mishap::Delayed(delay),
            Mishap::Delayed(Duration::from_millis(delay.as_secs())),
            Mishap::Doubled(again),
            Mishap::Doubled(Duration::ZERO),
        ]);
        self.count(match mishap {
            Mishap::Dropped => "delivery dropped",
            Mishap::AnswerLost => "delivery's answer lost",
            Mishap::AnsweredLate => "delivery answered late",
            Mishap::Delayed(_) => "delivery delayed or overtaken",
            Mishap::Doubled(_) => "delivery doubled",
            Mishap::Lost => "completion lost",
        });
        Some(mishap)
    }
}

/// A status by its number.
pub fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap()
}
