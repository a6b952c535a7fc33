//! Set Blob Metadata and Set Blob Properties: what was there before is gone. Not the tier.

use http::StatusCode;

use super::blob::Blob;
use super::call::Call;
use super::container::put_stamp;
use super::front_door::{Answer, answer};
use super::headers::ContentHeaders;
use super::path::BlobPath;
use super::storage::Storage;

/// Set Blob Metadata.
pub async fn set_metadata(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let metadata = call.metadata()?;
    let blob = storage.change(path, &call.conditions()?, |blob| blob.metadata = metadata).await?;
    let mut response = answer(StatusCode::OK);
    put_stamp(response.headers_mut(), blob.stamp);
    Ok(response)
}

/// Set Blob Properties. The blob forgets the copy that made it.
pub async fn set(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let headers = ContentHeaders::read(&call.headers);
    let conditions = call.conditions()?;
    let change = |blob: &mut Blob| {
        blob.headers = headers;
        blob.copy = None;
    };
    let blob = storage.change(path, &conditions, change).await?;
    let mut response = answer(StatusCode::OK);
    put_stamp(response.headers_mut(), blob.stamp);
    Ok(response)
}
