//! Work that goes on by itself, as it is written down until its end has been told. Not who does it, nor what its end means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::JobTicket;
use crate::operation_id::OperationId;

/// Work that was given away. What is written down stays readable: members are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Pending {
    /// A copy that storage carries out.
    Copy(PendingCopy),
    /// A deletion that storage has carried out, and is to report.
    Deletion(PendingDeletion),
    /// A job of an encoder.
    Job(PendingJob),
}

/// A copy that goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingCopy {
    /// What storage calls it.
    pub copy_id: String,
    /// What was sent with it.
    pub carried: String,
    /// The URI of its destination.
    pub destination: String,
}

/// A deletion that had its effect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingDeletion {
    /// The URI of the blob, which is gone; another may have been made in its place since.
    pub deleted: String,
    /// What was sent with the deletion.
    pub carried: String,
}

/// A job that an encoder has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingJob {
    /// The name of the encoder.
    pub backend: String,
    /// Where in it the job is.
    pub place: String,
    /// Its transform.
    pub transform: Option<String>,
    /// Its name.
    pub job: String,
    /// What was sent with it.
    pub correlation: BTreeMap<String, String>,
}

impl PendingJob {
    /// Where it is to be found.
    #[must_use]
    pub fn ticket(&self) -> JobTicket {
        JobTicket { job: self.job.clone(), transform: self.transform.clone() }
    }
}

/// One that is written down, as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    /// Whose work it is.
    pub operation: OperationId,
    /// How long it has been written down, in seconds.
    pub age_seconds: u64,
}

/// A part of what is written down in an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingPage {
    /// The entries, in no order that means anything.
    pub entries: Vec<PendingEntry>,
    /// Where to go on; nothing behind the last part.
    pub next: Option<String>,
}

/// How a job of an encoder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStands {
    /// It waits, or is worked on.
    UnderWay,
    /// It is over.
    Over {
        /// For how long, in seconds, where the encoder says so.
        seconds_ago: Option<u64>,
        /// What the encoder reports then, or should have.
        report: Report,
    },
}

/// What a provider reports of work that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The event type.
    pub event_type: String,
    /// The subject.
    pub subject: String,
    /// The data, as JSON.
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_told_apart_by_its_members_and_copies_read_as_they_always_did() {
        let copy =
            r#"{"copyId":"c","carried":"{}","destination":"https://gwlts00sasb.blob.core.windows.net/a/b"}"#;
        let deletion = r#"{"deleted":"https://gwlts00sasb.blob.core.windows.net/a/b","carried":"{}"}"#;
        let job = r#"{"backend":"b","place":"p","transform":"t","job":"j","correlation":{"a":"b"}}"#;
        let kinds = [copy, deletion, job].map(|text| {
            let pending = serde_json::from_str::<Pending>(text).unwrap();
            assert_eq!(serde_json::to_string(&pending).unwrap(), text);
            match pending {
                Pending::Copy(_) => "copy",
                Pending::Deletion(_) => "deletion",
                Pending::Job(_) => "job",
            }
        });
        assert_eq!(kinds, ["copy", "deletion", "job"]);
    }
}
