//! Carries one subscription's events to its endpoint. Other subscriptions have couriers of their own, so a slow
//! endpoint holds up nobody else's.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::dead_letters;
use super::faults::DeliveryFault;
use super::mailbox::{Letter, Mailbox, Pending};
use super::outcome::{Failure, judge};
use super::requests;
use crate::event_grid::outside::Outside;
use crate::event_grid::subscription::Subscription;
use crate::event_grid::subscription::plan::Plan;
use crate::inside::BlobFileError;
use crate::webhook::WebhookError;

/// Requests of one subscription under way: more than a local endpoint works on at once, fewer than the 1,024 sockets
/// a process has by default.
const ERRANDS_MAX: usize = 256;
/// How long writing a dead-letter blob may take before it counts as failed.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Something to go and do.
enum Errand {
    Deliver(Vec<Pending>, Option<DeliveryFault>),
    Write(Vec<Letter>),
}

#[derive(Clone)]
struct Courier {
    subscription: Arc<Subscription>,
    /// The topic's name, for dead letters.
    topic: String,
    outside: Arc<Outside>,
}

/// Sets a courier to work until the subscription ends.
pub(crate) fn employ(subscription: Arc<Subscription>, topic: String, outside: Arc<Outside>) {
    let stop = subscription.stop.clone();
    let courier = Courier { subscription, topic, outside };
    tokio::spawn(stop.run_until_cancelled_owned(courier.work()));
}

impl Courier {
    async fn work(self) {
        let mut errands = JoinSet::new();
        loop {
            while errands.len() < ERRANDS_MAX
                && let Some(errand) = self.next_errand()
            {
                errands.spawn(self.clone().run(errand));
            }
            self.outside.progress.notify_waiters();
            let next_due = self.subscription.mailbox().next_due().filter(|_| errands.len() < ERRANDS_MAX);
            tokio::select! {
                biased; // so that a run can be repeated
                Some(_) = errands.join_next() => {}
                () = self.subscription.bell.notified() => {}
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => {}
            }
        }
    }

    /// What is due now. Only here is an event's time to live looked at, as the service does.
    fn next_errand(&self) -> Option<Errand> {
        let (plan, now) = (self.subscription.plan(), Instant::now());
        let mut mailbox = self.subscription.mailbox();
        let letters = mailbox.take_letters(now);
        if !letters.is_empty() {
            mailbox.set_out();
            return Some(Errand::Write(letters));
        }
        loop {
            let batch = mailbox.take_batch(plan.batch, now);
            if batch.is_empty() {
                return None;
            }
            let (live, dead) =
                batch.into_iter().partition::<Vec<_>, _>(|pending| self.is_alive(pending, &plan));
            for pending in dead {
                self.give_up(&mut mailbox, &plan, pending, dead_letters::TIME_TO_LIVE_EXCEEDED);
            }
            if live.is_empty() {
                continue;
            }
            let fault = mailbox.take_fault();
            if let Some(wait) = fault.and_then(DeliveryFault::put_back) {
                mailbox.put_back(live, wait, now);
                continue;
            }
            mailbox.set_out();
            return Some(Errand::Deliver(live, fault));
        }
    }

    async fn run(self, errand: Errand) {
        match errand {
            Errand::Deliver(batch, fault) => self.deliver(batch, fault).await,
            Errand::Write(letters) => self.write(letters).await,
        }
    }

    async fn deliver(&self, batch: Vec<Pending>, fault: Option<DeliveryFault>) {
        let (plan, started) = (self.subscription.plan(), self.outside.settings.clock.now());
        let answer = self.attempt(&plan, &batch, fault).await;
        let mut mailbox = self.subscription.mailbox();
        match judge(answer) {
            Ok(()) => mailbox.deliver(&batch),
            Err(failure) => {
                for mut pending in batch {
                    pending.attempts += 1;
                    pending.last = Some((failure.outcome, started));
                    self.retry_or_give_up(&mut mailbox, &plan, pending, failure);
                }
            }
        }
        mailbox.come_back();
    }

    async fn attempt(
        &self,
        plan: &Plan,
        batch: &[Pending],
        fault: Option<DeliveryFault>,
    ) -> Result<StatusCode, WebhookError> {
        let request = || requests::notification(plan, &self.subscription.name, batch, &self.outside.settings);
        if fault == Some(DeliveryFault::Drop) {
            return Err(WebhookError::Socket);
        }
        let answer = self.outside.call(request()).await;
        if fault == Some(DeliveryFault::AnswerLost) {
            return Err(WebhookError::TimedOut);
        }
        if fault == Some(DeliveryFault::Duplicate) {
            // The first answer counts; this one is the endpoint's to be surprised by.
            let _ = self.outside.call(request()).await;
        }
        answer.map(|answer| answer.status())
    }

    fn retry_or_give_up(&self, mailbox: &mut Mailbox, plan: &Plan, pending: Pending, failure: Failure) {
        let Some(wait_min) = failure.wait_min else {
            return self.give_up(mailbox, plan, pending, dead_letters::NOT_RETRIABLE);
        };
        if pending.attempts >= plan.properties.retry_policy.max_delivery_attempts {
            return self.give_up(mailbox, plan, pending, dead_letters::ATTEMPTS_EXCEEDED);
        }
        let settings = &self.outside.settings;
        let wait = settings.schedule.wait(pending.attempts, wait_min, &settings.ids);
        mailbox.retry(pending, Instant::now() + wait);
    }

    fn give_up(&self, mailbox: &mut Mailbox, plan: &Plan, pending: Pending, reason: &'static str) {
        let is_kept = plan.properties.dead_letters().is_some();
        let (event, outcome) = (&pending.event.envelope, pending.last.map(|(outcome, _)| outcome));
        tracing::warn!(
            event.id = event.id,
            event.type = event.event_type,
            subscription = self.subscription.name,
            reason,
            outcome,
            is_kept,
            "event given up"
        );
        if !is_kept {
            return mailbox.drop_event(&pending);
        }
        let schedule = self.outside.settings.schedule;
        let due = Instant::now() + schedule.dead_letter_wait();
        let given_up_at = due + schedule.dead_letter_tries_max();
        mailbox.bury(Letter { pending, reason, given_up_at }, due);
    }

    fn is_alive(&self, pending: &Pending, plan: &Plan) -> bool {
        let settings = &self.outside.settings;
        let minutes = plan.properties.retry_policy.event_time_to_live_in_minutes;
        settings.clock.now() - pending.event.published < settings.schedule.time_to_live(minutes)
    }

    /// Writes a dead-letter blob. What cannot be written is tried again for hours, then dropped.
    async fn write(&self, letters: Vec<Letter>) {
        let written = self.write_blob(&letters).await;
        let (now, wait) = (Instant::now(), self.outside.settings.schedule.dead_letter_wait());
        let mut mailbox = self.subscription.mailbox();
        mailbox.come_back();
        let Err(error) = written else { return mailbox.dead_letter(&letters) };
        let subscription = self.subscription.name.as_str();
        tracing::warn!(subscription, events = letters.len(), %error, "dead letters not written");
        for letter in letters {
            match letter.given_up_at > now {
                true => mailbox.bury(letter, now + wait),
                false => mailbox.drop_event(&letter.pending),
            }
        }
    }

    async fn write_blob(&self, letters: &[Letter]) -> Result<(), BlobFileError> {
        let (plan, settings) = (self.subscription.plan(), &self.outside.settings);
        let nowhere = || BlobFileError::NotFound("the dead-letter destination".to_owned());
        let destination = plan.properties.dead_letters().ok_or_else(nowhere)?;
        let storage = self.outside.storage.get().ok_or_else(nowhere)?;
        let name = dead_letters::blob_name(
            &self.topic,
            &self.subscription.name,
            settings.ids.guid(),
            settings.clock.now(),
        );
        let content = dead_letters::content(letters, plan.schema);
        let container = &destination.blob_container_name;
        let write =
            storage.write(destination.account(), container, &name, content, dead_letters::CONTENT_TYPE);
        timeout(WRITE_WAIT_MAX, write)
            .await
            .unwrap_or_else(|_| Err(BlobFileError::Failed("no answer in time".to_owned())))
    }
}
