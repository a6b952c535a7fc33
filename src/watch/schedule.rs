//! Which of what is pending is looked at when: the longer work has gone on, the less often, and nothing is passed over for
//! ever. Not what is seen then.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::PendingEntry;
use tokio::time::Instant;

/// Work is looked at again when it has gone on for so much longer: a part of its age, so that an end is noticed at most that
/// much late.
const PART_OF_AGE: u32 = 10;
/// And never later than this.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// Where not all is listed in one round, what is not listed any more cannot be told; beyond so many, all is forgotten.
const KNOWN_MAX: usize = 200_000;

/// When what is pending in one account is looked at. To forget it costs looks, and nothing else.
#[derive(Default)]
pub(super) struct Schedule {
    /// Since when it has been an entry's turn, or from when on it will be.
    turns: HashMap<OperationId, Instant>,
    /// Where the next listing goes on, when the last did not come to an end.
    pub(super) rest: Option<String>,
}

impl Schedule {
    /// The entries whose turn it is, those first that have waited longest. With `is_all` nothing else is pending.
    pub(super) fn due(&mut self, listed: Vec<PendingEntry>, is_all: bool, now: Instant) -> Vec<PendingEntry> {
        if is_all {
            let listed = listed.iter().map(|entry| entry.operation).collect::<HashSet<_>>();
            self.turns.retain(|operation, _| listed.contains(operation));
        } else if self.turns.len() > KNOWN_MAX {
            self.turns.clear();
        }
        let turns =
            listed.into_iter().map(|entry| (*self.turns.entry(entry.operation).or_insert(now), entry));
        let mut due = turns.filter(|(turn, _)| *turn <= now).collect::<Vec<_>>();
        due.sort_by_key(|(turn, _)| *turn);
        due.into_iter().map(|(_, entry)| entry).collect()
    }

    /// An entry has been looked at; it is worth another look after `wait`, or when it has grown older.
    pub(super) fn looked_at(&mut self, entry: PendingEntry, wait: Option<Duration>, now: Instant) {
        let grown = Duration::from_secs(entry.age_seconds) / PART_OF_AGE;
        self.turns.insert(entry.operation, now + wait.unwrap_or(grown).min(WAIT_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize, age_seconds: u64) -> PendingEntry {
        let operation = OperationId::parse(&format!("{number:032x}")).unwrap();
        PendingEntry { operation, age_seconds }
    }

    #[tokio::test(start_paused = true)]
    async fn old_work_is_looked_at_less_often_and_never_less_than_four_times_an_hour() {
        for (age, looks_an_hour) in [(0, 60), (100, 60), (3_600, 10), (1_000_000, 4)] {
            let (mut schedule, mut looks) = (Schedule::default(), 0);
            for _ in 0..60 {
                for due in schedule.due(vec![entry(1, age)], true, Instant::now()) {
                    schedule.looked_at(due, None, Instant::now());
                    looks += 1;
                }
                tokio::time::advance(Duration::from_secs(60)).await;
            }
            assert_eq!(looks, looks_an_hour, "{age}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_time_for_a_few_looks_only_all_have_their_turn() {
        let (mut schedule, mut seen) = (Schedule::default(), HashSet::new());
        let all = (0..1_000).map(|number| entry(number, 60)).collect::<Vec<_>>();
        for _ in 0..20 {
            for due in schedule.due(all.clone(), true, Instant::now()).into_iter().take(50) {
                schedule.looked_at(due, None, Instant::now());
                seen.insert(due.operation);
            }
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(seen.len(), all.len());
        schedule.due(vec![entry(1, 60)], true, Instant::now());
        assert_eq!(schedule.turns.len(), 1, "what is not pending any more is forgotten");
    }
}
