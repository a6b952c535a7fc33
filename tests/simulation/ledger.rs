//! What was asked, what was published, what was done: as somebody sees it who stands outside and forgets nothing. Every promise
//! is checked here, and only here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::requests::{Ends, Request};

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Each request has one acknowledgment.
    Acknowledged,
    /// Each request has one outcome: one id, one type.
    OneOutcome,
    /// Nothing is said of an operation before its acknowledgment.
    AcknowledgmentFirst,
    /// The context comes back as it was spelled.
    ContextKept,
    /// Nothing is published that nobody asked for.
    OnlyWhatWasAsked,
    /// What is published again is the same: type, subject, data.
    RepeatsAreEqual,
    /// What is done is done once.
    DoneOnce,
    /// Nobody is told of the failure of what has been done.
    TrueFailures,
    /// What somebody has undone since stays undone.
    NotDoneAgain,
    /// A delivery is settled only when all there was to say has been accepted.
    SettledInTime,
    /// What can be done is done, what cannot is said to have failed.
    RightOutcome,
    /// Event Grid is never told to give up, and nothing hangs.
    NothingLeft,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Breach {
    pub promise: Promise,
    pub operation: Option<usize>,
    pub what: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.operation {
            Some(number) => write!(f, "{:?} of operation {number}: {}", self.promise, self.what),
            None => write!(f, "{:?}: {}", self.promise, self.what),
        }
    }
}

/// An event as the topic of answers accepted it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published<'a> {
    id: &'a str,
    event_type: &'a str,
    subject: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What is looked at of an answer's data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    operation_context: Option<&'a RawValue>,
}

#[derive(Clone, PartialEq, Eq)]
struct Said {
    event_type: String,
    subject: String,
    data: String,
}

impl Said {
    /// Whether it says itself that the outcome was never learnt.
    fn is_in_doubt(&self) -> bool {
        self.event_type == FAILURE && self.data.contains("it is not known whether what was asked was done")
    }
}

/// What is known of one operation.
struct Account {
    request: Request,
    /// What was said, by id.
    said: BTreeMap<String, Said>,
    /// Ids in the order they were first said.
    order: Vec<String>,
    done: BTreeMap<&'static str, u32>,
}

impl Account {
    fn ids(&self, of: impl Fn(&str) -> bool) -> BTreeSet<(&str, &str)> {
        let said = self.said.iter().filter(|(_, said)| of(&said.event_type));
        said.map(|(id, said)| (id.as_str(), said.event_type.as_str())).collect()
    }

    fn is_acknowledged(&self) -> bool {
        self.said.values().any(|said| said.event_type == ACKNOWLEDGE)
    }
}

/// What a copy is called among the things that were done.
pub const COPIED: &str = "copied";
const ACKNOWLEDGE: &str = "response.acknowledge";
const FAILURE: &str = "response.failure";

/// Whether an answer is the last of its operation.
fn is_outcome(event_type: &str) -> bool {
    event_type == FAILURE
        || event_type == "response.rollkey.storage.failure"
        || event_type.ends_with(".canceled")
        || event_type.ends_with(".success") && event_type != "response.blob.tier.rehydrated.success"
}

/// Everything that was seen.
#[derive(Default)]
pub struct Ledger {
    accounts: Vec<Account>,
    by_context: BTreeMap<String, usize>,
    by_event: BTreeMap<String, usize>,
    pub breaches: Vec<Breach>,
    pub publications: u64,
    pub repeated_acknowledgments: u64,
    pub repeated_outcomes: u64,
}

impl Ledger {
    /// Somebody has asked for something.
    pub fn ask(&mut self, request: Request) {
        let number = self.accounts.len();
        self.by_context.insert(request.context.clone(), number);
        self.by_event.insert(request.id.clone(), number);
        let (said, order, done) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        self.accounts.push(Account { request, said, order, done });
    }

    pub fn operations(&self) -> usize {
        self.accounts.len()
    }

    /// Whether an operation is over, as far as anybody has heard.
    pub fn is_over(&self, number: usize) -> bool {
        self.accounts[number].said.values().any(|said| is_outcome(&said.event_type))
    }

    fn break_promise(&mut self, promise: Promise, operation: Option<usize>, what: String) {
        self.breaches.push(Breach { promise, operation, what });
    }

    /// The topic has accepted an array of events.
    pub fn publish(&mut self, body: &[u8]) {
        let Ok(events) = serde_json::from_slice::<Vec<Published<'_>>>(body) else {
            return self.break_promise(Promise::OnlyWhatWasAsked, None, "no events".to_owned());
        };
        for event in events {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Published<'_>) {
        self.publications += 1;
        let context = serde_json::from_str::<Context<'_>>(event.data.get()).ok();
        let context = context.and_then(|context| context.operation_context).map_or("", RawValue::get);
        let Some(number) = self.owner(context, event) else { return };
        let data = event.data.get().replace(context, "");
        let said = Said { event_type: event.event_type.into(), subject: event.subject.clone(), data };
        let account = &mut self.accounts[number];
        if event.event_type != ACKNOWLEDGE && !account.is_acknowledged() {
            let what = format!("{} came before the acknowledgment", event.event_type);
            return self.break_promise(Promise::AcknowledgmentFirst, Some(number), what);
        }
        let Some(before) = account.said.get(event.id) else {
            account.order.push(event.id.to_owned());
            account.said.insert(event.id.to_owned(), said);
            return;
        };
        let is_equal = *before == said;
        let what = format!("{} {before:?}, then {said:?}", event.id);
        let is_outcome = is_outcome(&said.event_type);
        self.repeated_acknowledgments += u64::from(said.event_type == ACKNOWLEDGE);
        self.repeated_outcomes += u64::from(is_outcome);
        if is_outcome && before.event_type != said.event_type {
            self.break_promise(Promise::OneOutcome, Some(number), what);
        } else if !is_equal {
            self.break_promise(Promise::RepeatsAreEqual, Some(number), what);
        }
    }

    /// Whose answer it is; nobody's is a breach.
    fn owner(&mut self, context: &str, event: &Published<'_>) -> Option<usize> {
        if let Some(number) = self.by_context.get(context) {
            return Some(*number);
        }
        let named = serde_json::from_str::<Value>(context).ok().and_then(|value| value["n"].as_u64());
        let number = named.and_then(|n| usize::try_from(n).ok()).filter(|n| *n < self.accounts.len());
        let promise = if number.is_some() { Promise::ContextKept } else { Promise::OnlyWhatWasAsked };
        self.break_promise(promise, number, format!("{} {} with {context}", event.event_type, event.id));
        None
    }

    /// A service has done something on behalf of an operation.
    pub fn did(&mut self, what: &'static str, number: usize) {
        if let Some(account) = self.accounts.get_mut(number) {
            *account.done.entry(what).or_default() += 1;
        }
    }

    /// Event Grid has been told that these events are settled.
    pub fn settle(&mut self, event_ids: &[String]) {
        let numbers = event_ids.iter().filter_map(|id| self.by_event.get(id)).copied();
        for number in numbers.collect::<Vec<_>>() {
            let account = &self.accounts[number];
            if account.said.len() < 2 {
                let heard = account.said.values().map(|said| said.event_type.as_str()).collect::<Vec<_>>();
                let what = format!("settled when only {heard:?} had been accepted");
                self.break_promise(Promise::SettledInTime, Some(number), what);
            }
        }
    }

    /// Looks at everything when nothing more happens.
    pub fn close(&mut self) {
        for number in 0..self.accounts.len() {
            for (promise, what) in self.faults_of(&self.accounts[number]) {
                self.break_promise(promise, Some(number), what);
            }
        }
    }

    fn faults_of(&self, account: &Account) -> Vec<(Promise, String)> {
        let mut faults = Vec::new();
        let acknowledged = account.ids(|event_type| event_type == ACKNOWLEDGE);
        if acknowledged.len() != 1 {
            faults.push((Promise::Acknowledged, format!("acknowledged {acknowledged:?}")));
        }
        let outcomes = account.ids(is_outcome);
        match (&account.request.ends, outcomes.len()) {
            (Ends::Muted, 0) => {}
            (_, 1) => {
                let (_, ended) = outcomes.iter().next().unwrap();
                let is_right = match account.request.ends {
                    Ends::With(types) => *ended == FAILURE || types.contains(ended),
                    Ends::Fails | Ends::Muted => *ended == FAILURE,
                };
                if !is_right {
                    faults.push((Promise::RightOutcome, format!("ended with {ended}")));
                }
            }
            _ => faults.push((Promise::OneOutcome, format!("ended with {outcomes:?}"))),
        }
        let mut types = BTreeMap::<&str, u32>::new();
        account.said.values().for_each(|said| *types.entry(&said.event_type).or_default() += 1);
        let doubled = types.iter().filter(|(kind, times)| **times > 1 && !kind.ends_with(".processing"));
        for (kind, times) in doubled.filter(|(kind, _)| **kind != ACKNOWLEDGE && !is_outcome(kind)) {
            faults.push((Promise::RepeatsAreEqual, format!("{kind} under {times} ids")));
        }
        let has_failed = account.said.values().any(|said| said.event_type == FAILURE && !said.is_in_doubt());
        if let Some(what) = account.done.keys().find(|what| has_failed && **what != COPIED) {
            faults.push((Promise::TrueFailures, format!("failed, and {what} all the same")));
        }
        // The same version of the same source copied to the same place once more changes nothing.
        let done = account.done.iter().filter(|(what, _)| **what != COPIED);
        for (what, times) in done.filter(|(_, times)| **times > 1) {
            faults.push((Promise::DoneOnce, format!("{what} {times} times")));
        }
        faults
    }

    /// How often something was done, in all.
    pub fn times(&self, what: &str) -> u64 {
        self.accounts.iter().filter_map(|account| account.done.get(what)).map(|times| u64::from(*times)).sum()
    }

    /// How operations ended, and how many that could have succeeded failed.
    pub fn outcomes(&self) -> (BTreeMap<String, u64>, u64) {
        let (mut ended, mut failed) = (BTreeMap::new(), 0);
        for account in &self.accounts {
            for said in account.said.values().filter(|said| is_outcome(&said.event_type)) {
                let doubt = if said.is_in_doubt() { ", in doubt" } else { "" };
                *ended.entry(said.event_type.clone() + doubt).or_default() += 1;
                failed +=
                    u64::from(said.event_type == FAILURE && matches!(account.request.ends, Ends::With(_)));
            }
        }
        (ended, failed)
    }

    /// What was said of an operation, for people.
    pub fn story(&self, number: usize) -> String {
        let account = &self.accounts[number];
        let said = account.order.iter().map(|id| format!("  {id} {:?}\n", account.said[id]));
        let Request { id, event_type, data, .. } = &account.request;
        format!("{id} {event_type} {data}\n{}  done: {:?}\n", said.collect::<String>(), account.done)
    }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.event_type, self.subject, self.data)
    }
}

/// The moment of a run, for people.
pub fn moment(at: Duration) -> String {
    format!("{:>10.3} s", at.as_secs_f64())
}
