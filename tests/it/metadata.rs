//! Metadata whose names keep their spelling, through our adapter and the local cloud in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gridwich::azure::blob_storage::BlobStorage;
use gridwich::azure::wire::Wire;
use gridwich::config::StorageAccountConfig;
use gridwich::secret::Secret;
use gridwich_handlers::operation_context::muted;
use gridwich_handlers::participants::{BlobAddress, ParticipantError, Storage as _};
use local_azure::faults::Fault;
use local_azure::ids::development_key;

use crate::world::{STORAGE, World};

fn adapter(world: &World) -> BlobStorage {
    let wire = Arc::clone(&world.network) as Arc<dyn Wire>;
    let config = StorageAccountConfig {
        name: "inbox".to_owned(),
        endpoint: format!("http://{STORAGE}/inbox"),
        key: Secret::new(development_key("inbox", "key1")),
    };
    BlobStorage::new(&[config], None, &wire).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn clip(world: &World, storage: &BlobStorage) -> BlobAddress {
    world.upload("inbox", "show", "clip.mp4", b"clip").await;
    storage.locate(&format!("http://{STORAGE}/inbox/show/clip.mp4")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn names_are_read_as_they_were_set() {
    let world = World::bare().await;
    let storage = adapter(&world);
    let blob = clip(&world, &storage).await;
    for metadata in [
        pairs(&[("DepartmentCode", "news"), ("SHOW_17", "a b"), ("plain", "")]),
        pairs(&[("departmentCODE", "sport")]),
        pairs(&[]),
    ] {
        storage.set_metadata(&blob, &metadata).await.unwrap();
        assert_eq!(storage.properties(&blob).await.unwrap().metadata, metadata);
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_is_set_without_a_word_to_anybody() {
    let world = World::bare().await;
    let storage = adapter(&world);
    let blob = clip(&world, &storage).await;
    let ids = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ids);
    world.cloud.faults.storage.always(Fault::Delay(Duration::ZERO), move |request| {
        assert!(request.headers.keys().all(|name| !name.as_str().starts_with("gridwich-")));
        seen.lock().unwrap().push(request.headers["x-ms-client-request-id"].to_str().unwrap().to_owned());
        true
    });
    storage.set_metadata(&blob, &pairs(&[("DepartmentCode", "news")])).await.unwrap();
    assert_eq!(*ids.lock().unwrap(), [muted().as_str()]);
}

#[tokio::test(start_paused = true)]
async fn what_storage_cannot_keep_is_refused_before_it_is_sent() {
    let world = World::bare().await;
    let storage = adapter(&world);
    let blob = clip(&world, &storage).await;
    storage.set_metadata(&blob, &pairs(&[("Kept", "1")])).await.unwrap();
    world.network.disconnect(STORAGE);
    for bad in
        [pairs(&[("Department Code", "news")]), pairs(&[("Title", "Größe")]), pairs(&[("A", ""), ("a", "")])]
    {
        let refused = storage.set_metadata(&blob, &bad).await.unwrap_err();
        assert!(matches!(refused, ParticipantError::Rejected(_, None)), "{refused:?}");
        assert!(refused.to_string().starts_with("metadata."), "{refused}");
    }
    world.network.connect(STORAGE, world.cloud.blob_storage.router());
    assert_eq!(storage.properties(&blob).await.unwrap().metadata, pairs(&[("Kept", "1")]));
}

#[tokio::test(start_paused = true)]
async fn what_storage_refuses_is_classified() {
    let world = World::bare().await;
    let storage = adapter(&world);
    let mut blob = clip(&world, &storage).await;
    "nothing".clone_into(&mut blob.name);
    let missing = storage.set_metadata(&blob, &pairs(&[("Kept", "1")])).await.unwrap_err();
    assert!(matches!(missing, ParticipantError::NotFound(..)), "{missing:?}");
    world.network.disconnect(STORAGE);
    let unreachable = storage.set_metadata(&blob, &pairs(&[("Kept", "1")])).await.unwrap_err();
    assert!(matches!(unreachable, ParticipantError::Unavailable(..)), "{unreachable:?}");
}
