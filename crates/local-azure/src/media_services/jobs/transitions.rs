//! How a job moves from state to state, and which events that makes. Not who moves it.
//!
//! Outputs move before their job does, so that a job's final event is the last word about it.

use std::cmp::Reverse;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::custody::ATTEMPTS_MAX;
use super::events::{JobEvent, job_changed, output_changed, output_progressed};
use super::{Job, JobError, JobErrorCode, JobState, OnError};

/// `JobOutputProgress` is told when progress has risen by this much, or when this time has passed.
const TOLD_STEP_PERCENT: u8 = 5;
const TOLD_AFTER: Duration = Duration::seconds(30);
/// Progress of an output whose files are not all in their container yet.
const UNFINISHED_PERCENT_MAX: u8 = 99;

impl Job {
    /// The job has a place at this process's encoder. False when it does not wait for one any more. What another process
    /// began is begun anew, except for outputs that it ended.
    pub fn schedule(&mut self, process: Uuid, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        if !self.waits() {
            return false;
        }
        self.custody.begin(process, now);
        for output in self.outputs.iter_mut().filter(|output| !output.state.is_final()) {
            output.progress = 0;
        }
        self.outputs_enter(JobState::Scheduled, now, events);
        self.enter(JobState::Scheduled, now, events);
        true
    }

    /// The job's process has ended, and another one has it now. True when the job waits for its turn.
    pub fn take_up(&mut self, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        let was_lost = self.custody.lease.take().is_some();
        self.end_canceling(now, events);
        if was_lost && self.custody.attempt >= ATTEMPTS_MAX {
            let message = format!("The encoder was lost {ATTEMPTS_MAX} times while it worked on the job.");
            self.fail(&JobError::new(JobErrorCode::ServiceError, message), now, events);
        }
        self.waits()
    }

    /// Work on an output begins. False when it is not to be worked on any more.
    pub fn start_output(&mut self, index: usize, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        if self.outputs[index].state != JobState::Scheduled {
            return false;
        }
        self.output_enters(index, JobState::Processing, now, events);
        if self.state == JobState::Scheduled {
            self.enter(JobState::Processing, now, events);
        }
        true
    }

    /// An output is so far.
    pub fn progress(&mut self, index: usize, percent: u8, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        self.custody.renew(now);
        let output = &mut self.outputs[index];
        if output.state != JobState::Processing {
            return;
        }
        output.progress = percent.min(UNFINISHED_PERCENT_MAX).max(output.progress);
        let (told, at) = output.told.unwrap_or((0, output.started.unwrap_or(now)));
        if output.progress - told < TOLD_STEP_PERCENT && now - at < TOLD_AFTER {
            return;
        }
        output.told = Some((output.progress, now));
        events.push(output_progressed(self, &self.outputs[index]));
    }

    /// Work on an output has ended, and perhaps that on the job with it. False when the outcome counts for nothing
    /// because the job is being cancelled.
    pub fn end_output(
        &mut self,
        index: usize,
        outcome: Result<(), JobError>,
        now: OffsetDateTime,
        events: &mut Vec<JobEvent>,
    ) -> bool {
        if self.outputs[index].state != JobState::Processing {
            return false;
        }
        match outcome {
            Ok(()) => {
                self.outputs[index].progress = 100;
                self.custody.unfinished.clear();
                self.output_enters(index, JobState::Finished, now, events);
            }
            Err(error) => {
                self.outputs[index].error = Some(error);
                self.output_enters(index, JobState::Error, now, events);
                if self.outputs[index].on_error == OnError::StopProcessingJob {
                    self.outputs_enter(JobState::Canceled, now, events);
                }
            }
        }
        if self.outputs.iter().all(|output| output.state.is_final()) {
            self.enter(self.verdict(), now, events);
        }
        true
    }

    /// Ends the job with this error for each output that has not ended.
    pub fn fail(&mut self, error: &JobError, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        for index in self.order() {
            self.start_output(index, now, events);
            self.end_output(index, Err(error.clone()), now, events);
        }
    }

    /// In which order outputs are made: the most urgent first.
    pub fn order(&self) -> Vec<usize> {
        let mut order = (0..self.outputs.len()).collect::<Vec<_>>();
        order.sort_by_key(|&index| Reverse(self.outputs[index].priority));
        order
    }

    /// Somebody wants the job to stop. False when it has already ended.
    pub fn ask_to_cancel(&mut self, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        if self.state.is_final() {
            return false;
        }
        if self.state == JobState::Canceling {
            return true;
        }
        let waits = self.waits();
        self.outputs_enter(JobState::Canceling, now, events);
        self.enter(JobState::Canceling, now, events);
        self.stop.cancel();
        if waits {
            self.end_canceling(now, events);
        }
        true
    }

    /// The job has stopped, if that was wanted.
    pub fn end_canceling(&mut self, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        if self.state == JobState::Canceling {
            self.outputs_enter(JobState::Canceled, now, events);
            self.enter(JobState::Canceled, now, events);
        }
    }

    /// Whether nobody works on the job, though somebody is to.
    fn waits(&self) -> bool {
        let is_open = matches!(self.state, JobState::Queued | JobState::Scheduled | JobState::Processing);
        is_open && self.custody.lease.is_none()
    }

    /// A job's state does not tell of failed outputs whose transform says `ContinueJob`.
    fn verdict(&self) -> JobState {
        let fatal = |output: &super::JobOutput| {
            output.state == JobState::Error && output.on_error == OnError::StopProcessingJob
        };
        if self.outputs.iter().any(fatal) { JobState::Error } else { JobState::Finished }
    }

    fn enter(&mut self, state: JobState, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        let previous = std::mem::replace(&mut self.state, state);
        if previous == state {
            return;
        }
        self.times.last_modified = now;
        match state {
            JobState::Processing => self.started = self.started.or(Some(now)),
            state if state.is_final() => {
                self.ended = Some(now);
                self.custody.lease = None;
            }
            _ => {}
        }
        events.extend(job_changed(self, previous));
    }

    /// Moves all outputs that have not ended.
    fn outputs_enter(&mut self, state: JobState, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        for index in 0..self.outputs.len() {
            if !self.outputs[index].state.is_final() {
                self.output_enters(index, state, now, events);
            }
        }
    }

    fn output_enters(
        &mut self,
        index: usize,
        state: JobState,
        now: OffsetDateTime,
        events: &mut Vec<JobEvent>,
    ) {
        let output = &mut self.outputs[index];
        let previous = std::mem::replace(&mut output.state, state);
        if previous == state {
            return;
        }
        match state {
            JobState::Processing => output.started = Some(now),
            state if state.is_final() => output.ended = Some(now),
            _ => {}
        }
        events.extend(output_changed(self, &self.outputs[index], previous));
    }
}
