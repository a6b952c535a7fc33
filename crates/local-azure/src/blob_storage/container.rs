//! Containers: made, looked at, changed, removed. Not what is in them, and not who may read them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

use http::{HeaderMap, StatusCode};

use super::blob::{Container, PublicAccess};
use super::call::Call;
use super::error::{self, StorageError};
use super::front_door::{Answer, answer};
use super::headers::{Metadata, put_header, put_header_if, put_metadata};
use super::path::ContainerPath;
use super::stamp::Stamp;
use super::storage::Storage;

/// Create Container.
pub async fn create(storage: &Storage, call: &Call, path: &ContainerPath) -> Answer {
    let public_access = read_public_access(call)?;
    let stamp = make(storage, path, call.metadata()?, public_access)?;
    save_made(storage, path, stamp).await?;
    let mut response = answer(StatusCode::CREATED);
    put_stamp(response.headers_mut(), stamp);
    Ok(response)
}

/// Makes a container that is not there.
pub fn make(
    storage: &Storage,
    path: &ContainerPath,
    metadata: Metadata,
    public_access: Option<PublicAccess>,
) -> Result<Stamp, StorageError> {
    let mut containers = storage.account(&path.account)?.lock();
    match containers.entry(path.name.clone()) {
        Occupied(_) => Err(error::CONTAINER_ALREADY_EXISTS),
        Vacant(place) => {
            let stamp = storage.stamps.next();
            place.insert(Container {
                stamp,
                metadata,
                public_access,
                policies: Vec::new(),
                blobs: BTreeMap::new(),
            });
            Ok(stamp)
        }
    }
}

/// Writes down a container that has been made. What the disk cannot take has not been made.
pub async fn save_made(storage: &Storage, path: &ContainerPath, stamp: Stamp) -> Result<(), StorageError> {
    let Err(error) = storage.save_container(path).await else { return Ok(()) };
    let mut containers = storage.account(&path.account)?.lock();
    if containers.get(&path.name).is_some_and(|container| container.stamp == stamp) {
        containers.remove(&path.name);
    }
    Err(error)
}

/// Delete Container. Everything in it goes too, without a word.
pub async fn delete(storage: &Storage, call: &Call, path: &ContainerPath) -> Answer {
    let conditions = call.conditions()?;
    storage.with_container(path, |container| conditions.allow_write(Some(container.stamp)))?;
    // Its content may go only when the records that refer to it have gone.
    let _removed = storage.account(&path.account)?.lock().remove(&path.name);
    storage.save_container(path).await?;
    Ok(answer(StatusCode::ACCEPTED))
}

/// Get Container Properties and Get Container Metadata.
pub fn get_properties(storage: &Storage, path: &ContainerPath) -> Answer {
    storage.with_container(path, |container| {
        let mut response = answer(StatusCode::OK);
        put_metadata(&mut response, &container.metadata);
        let headers = response.headers_mut();
        put_stamp(headers, container.stamp);
        put_header_if(headers, "x-ms-blob-public-access", container.public_access.map(PublicAccess::as_str));
        put_header(headers, "x-ms-lease-status", "unlocked");
        put_header(headers, "x-ms-lease-state", "available");
        put_header(headers, "x-ms-has-immutability-policy", "false");
        put_header(headers, "x-ms-has-legal-hold", "false");
        Ok(response)
    })
}

/// Set Container Metadata: what was there before is gone.
pub async fn set_metadata(storage: &Storage, call: &Call, path: &ContainerPath) -> Answer {
    let (metadata, conditions) = (call.metadata()?, call.conditions()?);
    let stamp = storage.with_container(path, |container| {
        conditions.allow_write(Some(container.stamp))?;
        container.metadata = metadata;
        container.stamp = storage.stamps.next();
        Ok(container.stamp)
    })?;
    storage.save_container(path).await?;
    let mut response = answer(StatusCode::OK);
    put_stamp(response.headers_mut(), stamp);
    Ok(response)
}

/// What `x-ms-blob-public-access` says.
pub fn read_public_access(call: &Call) -> Result<Option<PublicAccess>, StorageError> {
    call.header("x-ms-blob-public-access").map(PublicAccess::read).transpose()
}

/// ETag and last-modified time.
pub fn put_stamp(headers: &mut HeaderMap, stamp: Stamp) {
    put_header(headers, "etag", &stamp.etag());
    put_header(headers, "last-modified", &stamp.last_modified());
}
