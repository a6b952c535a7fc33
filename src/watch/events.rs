//! The events that the watch raises: what a provider should have reported, in its own words, and what none reports, in ours.
//! Not what they mean.

use bytes::Bytes;
use gridwich_handlers::base::EventData;
use gridwich_handlers::blob::{BlobDeletedEvent, CopyEndedEvent};
use gridwich_handlers::encode::JobLostEvent;
use gridwich_handlers::event::Event;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{EndedCopy, PendingCopy, PendingDeletion, PendingJob, Report};
use gridwich_handlers::resource_uri::ResourceUri;
use serde::Serialize;

/// A copy has ended.
pub(super) fn copy_ended(operation: OperationId, copy: PendingCopy, ended: EndedCopy) -> Event {
    let data = CopyEndedEvent {
        client_request_id: copy.carried,
        url: ResourceUri::new(&copy.destination),
        end: ended.end,
        reason: ended.reason,
    };
    event(operation, copy.destination, &data)
}

/// A blob has been deleted, as storage should have reported.
pub(super) fn deleted(operation: OperationId, deletion: PendingDeletion) -> Event {
    let url = ResourceUri::new(&deletion.deleted);
    let data = BlobDeletedEvent { client_request_id: deletion.carried, url };
    event(operation, deletion.deleted, &data)
}

/// A job is gone.
pub(super) fn job_lost(operation: OperationId, job: PendingJob) -> Event {
    let PendingJob { job, correlation, .. } = job;
    event(operation, job.clone(), &JobLostEvent { job, correlation })
}

/// What an encoder should have reported.
pub(super) fn reported(operation: OperationId, report: Report) -> Event {
    let Report { event_type, subject, data } = report;
    raised(operation, event_type, subject, data.into())
}

fn event<T: EventData + Serialize>(operation: OperationId, subject: String, data: &T) -> Event {
    let data = serde_json::to_vec(data).unwrap_or_default();
    raised(operation, T::EVENT_TYPE.to_owned(), subject, data.into())
}

fn raised(operation: OperationId, event_type: String, subject: String, data: Bytes) -> Event {
    let (id, data_version) = (operation.to_string(), String::new());
    Event { id, event_type, subject, data_version, trace: None, data, tries_before: 0 }
}
