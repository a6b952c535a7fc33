//! The stable numbers by which failures are known. Never reused and never renumbered: callers decide by them.
//!
//! A number is `L SS III`: level (5 error, 6 critical), subsystem, index. The original's numbers are those of its last
//! version with Media Services; indexes from 900 are ours, out of the way of any it could have used.

use super::LogEvent;

macro_rules! log_events {
    ($($(#[$doc:meta])* $constant:ident = $id:literal $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: LogEvent = LogEvent { id: $id, name: $name };)*

        /// All of them.
        pub const ALL: &[LogEvent] = &[$($constant),*];
    };
}

log_events! {
    /// A blob that is not there cannot be deleted.
    NO_SUCH_BLOB_TO_DELETE = 414000 "NoSuchBlobInBlobDeleteHandler";
    /// A request that no handler here takes, where the operator owns the topic.
    UNHANDLED_EVENT_TYPE = 501002 "UnhandledEventGridEventType";
    /// The event has no data.
    DATA_ABSENT = 502003 "FailedToDeserializeEventData";
    /// The event's data could not be read, or a handler failed in a way that has no number of its own.
    UNHANDLED_FAILURE = 502004 "GridwichUnhandledException";
    /// The participant that would do the work is not configured.
    PARTICIPANT_NOT_CONFIGURED = 502900 "ParticipantNotConfigured";
    /// The operation context could not be kept where a large one is kept, or read from there.
    CONTEXT_NOT_KEPT = 502901 "OperationContextNotKept";
    /// The outcome is too large to be published.
    ANSWER_TOO_LARGE = 502902 "AnswerTooLarge";
    /// What was asked for is switched off in the configuration.
    SWITCHED_OFF = 502903 "RequestSwitchedOff";
    /// There is nothing of that name that could be cancelled.
    NOTHING_TO_CANCEL = 502904 "NothingToCancel";
    /// A setting's secret was renewed and could not be read anew; logged.
    SECRET_NOT_READ = 502905 "SecretNotRead";
    /// A created blob's metadata could not be read; logged, and announced without it.
    CREATED_BLOB_METADATA = 510000 "FailedToGetBlobMetadataInBlobCreatedHandler";
    /// A deleted blob's URL is none.
    DELETED_BLOB_URL = 510001 "FailedToCreateBlobDeletedDataWithEventDataInBlobDeletedHandler";
    /// Metadata cannot be set on a blob that is not there.
    METADATA_BLOB_MISSING = 511001 "StorageServiceAttemptToAddMetadataToBlobThatDoesNotExist";
    /// Storage gave no key to sign a URL with.
    SAS_NO_KEY = 511002 "StorageServiceMissingConnectionString";
    /// The container could not be made.
    CONTAINER_NOT_CREATED = 511003 "FailedToCreateContainer";
    /// The container could not be deleted.
    CONTAINER_NOT_DELETED = 511004 "FailedToDeleteContainer";
    /// Who may read the container could not be changed.
    CONTAINER_ACCESS = 511006 "FailedToChangeContainerAccess";
    /// A URI of the copy is no absolute URI of an account we may touch.
    COPY_URI_INVALID = 513000 "InvalidUriInBlobCopyHandler";
    /// An asynchronous copy ended without success.
    COPY_NOT_COMPLETED = 513900 "BlobCopyNotCompleted";
    /// A copy has ended with another checksum than its source has.
    COPY_CHECKSUM = 513901 "BlobCopyChecksumMismatch";
    /// The URI of a blob to delete is no absolute URI of an account we may touch.
    DELETE_URI_INVALID = 514000 "InvalidUriInBlobDeleteHandler";
    /// The program that analyzes is missing, or must not be run here.
    ANALYSIS_PROGRAM = 550000 "MediaInfoLibFailedToLoad";
    /// The blob to analyze is empty.
    ANALYSIS_BLOB_EMPTY = 550001 "InvalidBlobContentLength";
    /// The analysis ended without a report.
    ANALYSIS_REPORT = 550003 "InvalidMediaInfoLibReport";
    /// The analysis would have read, said or taken more than it may.
    ANALYSIS_BEYOND_BOUNDS = 550900 "MediaInfoBeyondBounds";
    /// The encode request says something that cannot be meant.
    ENCODE_REQUEST_INVALID = 551000 "MediaServicesV3EncodeCreateDtoError";
    /// The output container cannot be used.
    ENCODE_OUTPUT = 551001 "MediaServicesV3OutputError";
    /// The inputs cannot be named to the encoder.
    ENCODE_INPUT_ASSET = 551004 "MediaServicesV3InputAssetError";
    /// No such transform.
    ENCODE_TRANSFORM = 551005 "MediaServicesV3TransformError";
    /// The encoder did not take the job.
    ENCODE_JOB_NOT_CREATED = 551006 "MediaServicesV3CreateJobApiError";
    /// The job was canceled.
    ENCODE_JOB_CANCELED = 551007 "MediaServicesV3JobCanceledReceived";
    /// The job ended in an error.
    ENCODE_JOB_ERRORED = 551008 "MediaServicesV3JobErroredReceived";
    /// An input blob does not exist.
    ENCODE_INPUT_MISSING = 551010 "MediaServicesV3AttemptToUseNonexistentBlob";
    /// The job behind an event could not be looked up.
    ENCODE_JOB_NOT_READ = 551900 "MediaServicesV3JobNotRead";
    /// The job could not be cancelled.
    ENCODE_JOB_NOT_CANCELED = 551901 "MediaServicesV3JobNotCanceled";
    /// The job is gone, and its end was never heard of.
    ENCODE_JOB_LOST = 551902 "MediaServicesV3JobLost";
    /// No such streaming policy, or one that is not allowed here.
    STREAMING_POLICY_UNKNOWN = 552000 "PublicationStreamingPolicyNotSupported";
    /// No such content key policy.
    CONTENT_KEY_POLICY_UNKNOWN = 552001 "PublicationContentKeyPolicyNotSupported";
    /// A setting that a content key policy needs is missing.
    PUBLICATION_CONFIGURATION = 552002 "MediaServicesV3ConfigurationError";
    /// A streaming policy or content key policy could not be made.
    POLICY_NOT_MADE = 552003 "MediaServicesV3ContentKeyPolicyCreateUpdateError";
    /// Storage did not change the tier.
    TIER_NOT_CHANGED = 611000 "FailedToChangeTierInStorageService";
    /// Storage did not set the metadata.
    METADATA_NOT_SET = 611001 "FailedToSetMetadataInStorageService";
    /// A URI is no absolute URI of a blob in an account we may touch.
    BLOB_URI_INVALID = 611002 "BlobBaseClientProviderFailedToCreateBlobBaseClient";
    /// A URL could not be signed.
    SAS_NOT_CREATED = 611003 "FailedToCreateBlobSasUriInStorageService";
    /// Storage did not delete the blob.
    BLOB_NOT_DELETED = 611004 "FailedToDeleteDueToStorageExceptionInStorageService";
    /// The destination's container could not be made.
    COPY_CONTAINER = 611007 "StorageServiceFailedCreatingTargetContainerForBlobCopy";
    /// Blobs could not be listed.
    BLOBS_NOT_LISTED = 611009 "FailedToListBlobsDueToStorageExceptionInStorageService";
    /// A blob's properties could not be read.
    BLOB_PROPERTIES = 611012 "FailedToGetBlobPropertiesInStorageService";
    /// A part of a blob could not be read.
    BLOB_RANGE = 611013 "FailedToDownloadHttpRangeInStorageService";
    /// The copy could not be started.
    COPY_NOT_STARTED = 611014 "FailedToCopyBlobInStorageService";
    /// A copy could not be stopped.
    COPY_NOT_ABORTED = 611900 "FailedToAbortCopyInStorageService";
    /// A key of a storage account was not replaced.
    KEY_NOT_ROLLED = 611901 "FailedToRegenerateStorageKey";
    /// The container to publish could not be named to Media Services.
    PUBLICATION_ASSET = 652000 "FailedToCreateOrGetAsset";
    /// A filter could not be made.
    FILTER_NOT_CREATED = 652001 "FailedToCreateAssetFilter";
    /// The locator could not be made.
    LOCATOR_NOT_CREATED = 652002 "FailedToCreateLocator";
    /// There is no streaming endpoint, or it could not be found out.
    ENDPOINTS_NOT_LISTED = 652003 "FailedToListStreamingEndpoints";
    /// Where players find what is published could not be found out.
    PATHS_NOT_LISTED = 652004 "FailedToListStreamingPaths";
    /// The locator could not be deleted.
    LOCATOR_NOT_DELETED = 652005 "FailedToDeleteLocator";
    /// A time is negative, or an end is not after its start; the cause of 551006, as the original had it.
    TIME_OUT_OF_RANGE = 652006 "TimeParameterOutOfRange";
    /// There is no server manifest in the container, or none that can be read.
    SERVER_MANIFEST_MISSING = 652007 "MediaServicesV3AttemptToGetNonexistentManifest";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_well_formed() {
        for (i, event) in ALL.iter().enumerate() {
            assert!((400_000..700_000).contains(&event.id), "{event:?}");
            assert!(
                ALL[i + 1..].iter().all(|other| other.id != event.id && other.name != event.name),
                "{event:?}"
            );
        }
    }
}
