//! The requests that a run is loaded with: kinds, shares, and what each has to be answered. Every operation works on things of
//! its own, so that what it has to be answered is known beforehand. Sends nothing.

use std::fmt;

use local_azure::ids::Ids;
use serde_json::{Value, json};

/// What starts everything that belongs to an operation: its event's id, its context, the names of what it makes.
const MARK: &str = "op-";
/// Digits behind it, so that no mark is the beginning of another.
const MARK_DIGITS: usize = 7;

/// The mark of an operation.
pub fn mark(operation: usize) -> String {
    format!("{MARK}{operation:0MARK_DIGITS$}")
}

/// The operation whose mark stands first in a text.
pub fn marked(text: &str) -> Option<usize> {
    let at = text.find(MARK)? + MARK.len();
    text.get(at..at + MARK_DIGITS)?.parse().ok()
}

/// What an operation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Copy,
    Delete,
    TierChange,
    MetadataCreate,
    ContainerCreate,
    Encode,
    Analysis,
    /// Of a blob that is not there.
    DeleteOfNothing,
    /// From a blob that is not there.
    CopyOfNothing,
}

/// So many of each kind among [`SHARES_SUM`]. An analysis is a process of its own, some 50 ms of a core.
const SHARES: [(Kind, u64); 9] = [
    (Kind::Copy, 60),
    (Kind::Delete, 46),
    (Kind::TierChange, 30),
    (Kind::MetadataCreate, 20),
    (Kind::ContainerCreate, 16),
    (Kind::Encode, 16),
    (Kind::DeleteOfNothing, 6),
    (Kind::CopyOfNothing, 5),
    (Kind::Analysis, 1),
];
const SHARES_SUM: u64 = 200;

pub const ACKNOWLEDGE: &str = "response.acknowledge";
const FAILURE: &str = "response.failure";

/// What an operation has to be answered besides the acknowledgment.
pub struct Expected {
    /// On the way.
    pub interim: &'static [&'static str],
    /// On the way, or not.
    pub optional: &'static [&'static str],
    /// In the end.
    pub outcome: &'static str,
}

impl Kind {
    fn drawn(dice: &Ids) -> Self {
        let mut drawn = dice.bits() % SHARES_SUM;
        for (kind, share) in SHARES {
            match drawn.checked_sub(share) {
                None => return kind,
                Some(rest) => drawn = rest,
            }
        }
        unreachable!("the shares add up")
    }

    /// Whether it works on a blob that a copy has made.
    fn takes_copied(self) -> bool {
        matches!(self, Self::Delete | Self::TierChange | Self::MetadataCreate)
    }

    /// Whether there is a blob for others to work on when it has succeeded.
    pub fn leaves_copied(self) -> bool {
        matches!(self, Self::Copy | Self::TierChange | Self::MetadataCreate)
    }

    pub fn expected(self) -> Expected {
        let outcome = |outcome| Expected { interim: &[], optional: &[], outcome };
        match self {
            Self::Copy => Expected {
                interim: &["response.blob.copy.scheduled"],
                ..outcome("response.blob.created.success")
            },
            // Storage may have told that the blob is gone before a repeated request finds it gone.
            Self::Delete => Expected {
                optional: &["response.blob.delete.scheduled"],
                ..outcome("response.blob.delete.success")
            },
            Self::TierChange => outcome("response.blob.tier.success"),
            Self::MetadataCreate => outcome("response.blob.metadata.success"),
            Self::ContainerCreate => outcome("response.blob.container.create.success"),
            Self::Encode => Expected {
                interim: &[
                    "response.encode.mediaservicesv3.dispatched",
                    "response.encode.mediaservicesv3.scheduled",
                ],
                optional: &["response.encode.mediaservicesv3.processing"],
                outcome: "response.encode.mediaservicesv3.success",
            },
            Self::Analysis => outcome("response.blob.analysis.success"),
            Self::DeleteOfNothing | Self::CopyOfNothing => outcome(FAILURE),
        }
    }
}

/// Whether an event type is the last word on an operation of this kind.
pub fn is_outcome(kind: Kind, event_type: &str) -> bool {
    event_type == FAILURE || event_type == kind.expected().outcome
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub operation: usize,
    pub kind: Kind,
    /// The operation whose copy it works on: its own, or an earlier one's.
    pub copied: usize,
}

impl Asked {
    /// Draws a request. `copied` gives a copy that nobody works on, if there is one; without one, a copy is made.
    pub fn drawn(operation: usize, dice: &Ids, copied: impl FnOnce() -> Option<usize>) -> Self {
        let kind = Kind::drawn(dice);
        if !kind.takes_copied() {
            return Self { operation, kind, copied: operation };
        }
        match copied() {
            Some(copied) => Self { operation, kind, copied },
            None => Self { operation, kind: Kind::Copy, copied: operation },
        }
    }

    /// The effect that there must have been exactly once when it has succeeded, as [`super::effects`] names it.
    pub fn effect(&self) -> Option<String> {
        let copied = mark(self.copied);
        match self.kind {
            Kind::Copy => Some(format!("copy /archive/copies/{copied}.mp4")),
            Kind::Delete => Some(format!("delete /archive/copies/{copied}.mp4")),
            Kind::ContainerCreate => Some(format!("container /archive/{copied}")),
            Kind::Encode => Some(format!("job {copied}")),
            _ => None,
        }
    }

    /// The event, given where storage is.
    pub fn event(&self, storage: &str) -> Value {
        let (mark, copied) = (mark(self.operation), mark(self.copied));
        let source = format!("{storage}/inbox/source/clip.mp4");
        let copy = format!("{storage}/archive/copies/{copied}.mp4");
        let nothing = format!("{storage}/archive/copies/{mark}-nothing.mp4");
        let (event_type, mut data) = match self.kind {
            Kind::Copy => ("request.blob.copy", json!({"sourceUri": source, "destinationUri": copy})),
            Kind::CopyOfNothing => {
                ("request.blob.copy", json!({"sourceUri": nothing, "destinationUri": copy}))
            }
            Kind::Delete => ("request.blob.delete", json!({"blobUri": copy})),
            Kind::DeleteOfNothing => ("request.blob.delete", json!({"blobUri": nothing})),
            Kind::TierChange => {
                let tier = ["Hot", "Cool", "Cold"][self.operation % 3];
                ("request.blob.tier.change", json!({"blobUri": copy, "accessTier": tier}))
            }
            Kind::MetadataCreate => {
                let metadata = json!({"describedBy": mark});
                ("request.blob.metadata.create", json!({"blobUri": copy, "blobMetadata": metadata}))
            }
            Kind::ContainerCreate => {
                let data = json!({"storageAccountName": "archive", "containerName": mark});
                ("request.blob.container.create", data)
            }
            Kind::Encode => {
                let data = json!({
                    "inputs": [{"blobUri": source}],
                    "outputContainer": format!("{storage}/proxy/{mark}"),
                    "transformName": "H264SingleBitrateSD",
                });
                ("request.encode.mediaservicesv3.create", data)
            }
            Kind::Analysis => ("request.blob.analysis.create", json!({"blobUri": source})),
        };
        data["operationContext"] = json!({"op": mark});
        json!({
            "id": mark, "subject": "/survival", "eventType": event_type, "eventTime": "2026-03-04T09:00:00Z",
            "dataVersion": "1.0", "data": data,
        })
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", mark(self.operation), self.kind)
    }
}

#[test]
fn shares_add_up_and_marks_are_found_again() {
    assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<u64>(), SHARES_SUM);
    assert_eq!(marked(&format!("proxy-{}-28f4", mark(17))), Some(17));
    assert_eq!(marked("op-17"), None);
}
