//! How a job moves from state to state, and which events that makes. Not who moves it.
//!
//! Outputs move before their job does, so that a job's final event is the last word about it.

use time::{Duration, OffsetDateTime};

use super::events::{JobEvent, job_changed, output_changed, output_progressed};
use super::{Job, JobError, JobState, OnError};

/// `JobOutputProgress` is told when progress has risen by this much, or when this time has passed.
const TOLD_STEP_PERCENT: u8 = 5;
const TOLD_AFTER: Duration = Duration::seconds(30);
/// Progress of an output whose files are not all in their container yet.
const UNFINISHED_PERCENT_MAX: u8 = 99;

impl Job {
    /// The job has a place at the encoder. False when it is no longer queued.
    pub fn schedule(&mut self, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        if self.state != JobState::Queued {
            return false;
        }
        self.outputs_enter(JobState::Scheduled, now, events);
        self.enter(JobState::Scheduled, now, events);
        true
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

    /// Somebody wants the job to stop. False when it has already ended.
    pub fn ask_to_cancel(&mut self, now: OffsetDateTime, events: &mut Vec<JobEvent>) -> bool {
        if self.state.is_final() {
            return false;
        }
        if self.state == JobState::Canceling {
            return true;
        }
        let was_queued = self.state == JobState::Queued;
        self.outputs_enter(JobState::Canceling, now, events);
        self.enter(JobState::Canceling, now, events);
        self.stop.cancel();
        if was_queued {
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

    /// A job's state does not tell of failed outputs whose transform says `ContinueJob`.
    fn verdict(&self) -> JobState {
        let fatal = |output: &super::JobOutput| {
            output.state == JobState::Error && output.on_error == OnError::StopProcessingJob
        };
        if self.outputs.iter().any(fatal) { JobState::Error } else { JobState::Finished }
    }

    fn enter(&mut self, state: JobState, now: OffsetDateTime, events: &mut Vec<JobEvent>) {
        let previous = std::mem::replace(&mut self.state, state);
        self.times.last_modified = now;
        match state {
            JobState::Processing => self.started = Some(now),
            state if state.is_final() => self.ended = Some(now),
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
        match state {
            JobState::Processing => output.started = Some(now),
            state if state.is_final() => output.ended = Some(now),
            _ => {}
        }
        events.extend(output_changed(self, &self.outputs[index], previous));
    }
}
