//! Assets: names for containers. Not the files in them.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::account::Account;
use super::answer::{Answer, Call, Incoming, answer, answer_empty, given};
use super::listing::{Listed, Listing, Property};
use super::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};
use crate::arm::ArmError;
use crate::inside::BlobFileError;
use crate::inside::ContainerPermission;

/// Azure allowed 1,000,000; a local account needs fewer to find a runaway caller.
const ASSETS_MAX: usize = 100_000;
/// `expiryTime`: "This must be less than 24 hours from the current time."
const SAS_LIFE_MAX: Duration = Duration::hours(24);

/// A name for a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asset {
    pub name: String,
    pub id: Uuid,
    pub times: Times,
    pub alternate_id: Option<String>,
    pub description: Option<String>,
    pub storage_account: String,
    pub container: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AssetRequest {
    #[serde(deserialize_with = "given")]
    alternate_id: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    description: Option<Option<String>>,
    container: Option<String>,
    storage_account_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssetAnswer {
    asset_id: String,
    created: String,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alternate_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    container: String,
    storage_account_name: String,
    storage_encryption_format: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SasRequest {
    permissions: Option<ContainerPermission>,
    #[serde(with = "time::serde::rfc3339")]
    expiry_time: OffsetDateTime,
}

pub(super) async fn put(account: &Account, name: &str, call: &Call) -> Answer {
    check_name("asset", name)?;
    let request = call.json::<Incoming<Option<AssetRequest>>>()?.properties.unwrap_or_default();
    if let Some(shown) = replace(account, name, &request)? {
        return answer(StatusCode::OK, shown);
    }
    let asset = new_asset(account, name, request)?;
    let blobs = &account.environment.blobs;
    let made = blobs.ensure_container(&asset.storage_account, &asset.container).await;
    made.map_err(|error| container_refused(&error))?;
    let mut holdings = account.holdings();
    if holdings.assets.len() >= ASSETS_MAX {
        return Err(quota_exceeded("assets", ASSETS_MAX).into());
    }
    let asset = holdings.assets.entry(folded(name)).or_insert(asset);
    answer(StatusCode::CREATED, shown(account, asset))
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    answer(StatusCode::OK, shown(account, holdings.assets.get(&folded(name)).ok_or_else(|| absent(name))?))
}

pub(super) fn update(account: &Account, name: &str, call: &Call) -> Answer {
    let request = call.json::<Incoming<Option<AssetRequest>>>()?.properties.unwrap_or_default();
    let mut holdings = account.holdings();
    let asset = holdings.assets.get_mut(&folded(name)).ok_or_else(|| absent(name))?;
    asset.apply(&request, account.now())?;
    answer(StatusCode::OK, shown(account, asset))
}

/// Forgets the name, its filters and its locators. The container stays, because a caller may have brought it.
pub(super) fn delete(account: &Account, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let removed = holdings.assets.remove(&folded(name));
    holdings.publication.forget_asset(&folded(name));
    answer_empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<Asset>(call)?;
    let holdings = account.holdings();
    let url = account.url_of("assets");
    answer(StatusCode::OK, listing.page(holdings.assets.values(), call, &url, |asset| shown(account, asset)))
}

pub(super) fn list_container_sas(account: &Account, name: &str, call: &Call) -> Answer {
    let request = call.json::<SasRequest>()?;
    let left = request.expiry_time - account.now();
    if !left.is_positive() || left > SAS_LIFE_MAX {
        return Err(ArmError::bad_request("expiryTime is less than 24 hours from now.").into());
    }
    let holdings = account.holdings();
    let asset = holdings.assets.get(&folded(name)).ok_or_else(|| absent(name))?;
    let permission = request.permissions.unwrap_or(ContainerPermission::Read);
    let (storage, container) = (&asset.storage_account, &asset.container);
    let urls = account.environment.links.container_urls(storage, container, permission, request.expiry_time);
    answer(StatusCode::OK, json!({"assetContainerSasUrls": urls}))
}

/// Changes an asset that is already there.
fn replace(
    account: &Account,
    name: &str,
    request: &AssetRequest,
) -> Result<Option<impl Serialize>, ArmError> {
    let mut holdings = account.holdings();
    let Some(asset) = holdings.assets.get_mut(&folded(name)) else { return Ok(None) };
    asset.apply(request, account.now())?;
    Ok(Some(shown(account, asset)))
}

fn new_asset(account: &Account, name: &str, request: AssetRequest) -> Result<Asset, ArmError> {
    let id = account.environment.ids.guid();
    let container = request.container.unwrap_or_else(|| format!("asset-{id}"));
    if !is_container_name(&container) {
        return Err(ArmError::bad_request("properties.container is not a valid container name."));
    }
    let attached = &account.settings.storage_accounts;
    let storage_account = match &request.storage_account_name {
        Some(wanted) => attached.iter().find(|name| name.eq_ignore_ascii_case(wanted)),
        None => attached.first(),
    };
    let storage_account = storage_account.cloned().ok_or_else(|| {
        ArmError::bad_request("properties.storageAccountName is not attached to the Media Services account.")
    })?;
    Ok(Asset {
        name: name.to_owned(),
        id,
        times: Times::new(account.now()),
        alternate_id: request.alternate_id.flatten(),
        description: request.description.flatten(),
        storage_account,
        container,
    })
}

/// 3 to 63 lower-case letters, digits and single hyphens between them ("Naming and referencing containers").
fn is_container_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    (3..=63).contains(&name.len()) && name.chars().all(plain) && !hyphens
}

fn container_refused(error: &BlobFileError) -> ArmError {
    match error {
        BlobFileError::NotFound(_) => {
            ArmError::bad_request("The storage account of the asset does not exist.")
        }
        BlobFileError::Unreadable(..) | BlobFileError::Failed(_) => ArmError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "The container of the asset could not be made.",
        ),
    }
}

fn absent(name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/assets/{name}"))
}

fn shown(account: &Account, asset: &Asset) -> Envelope<AssetAnswer> {
    let properties = AssetAnswer {
        asset_id: asset.id.to_string(),
        created: timestamp(asset.times.created),
        last_modified: timestamp(asset.times.last_modified),
        alternate_id: asset.alternate_id.clone(),
        description: asset.description.clone(),
        container: asset.container.clone(),
        storage_account_name: asset.storage_account.clone(),
        storage_encryption_format: "None",
    };
    let id = account.id_of(&format!("assets/{}", asset.name));
    Envelope::new(&asset.name, id, "Microsoft.Media/mediaservices/assets", asset.times, properties)
}

impl Asset {
    /// Changes what may be changed. Container and storage account stay as they were made.
    fn apply(&mut self, request: &AssetRequest, now: OffsetDateTime) -> Result<(), ArmError> {
        let same =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        if !same(&request.container, &self.container)
            || !same(&request.storage_account_name, &self.storage_account)
        {
            return Err(ArmError::bad_request(
                "The container and the storage account of an asset cannot change.",
            ));
        }
        if let Some(alternate_id) = &request.alternate_id {
            self.alternate_id.clone_from(alternate_id);
        }
        if let Some(description) = &request.description {
            self.description.clone_from(description);
        }
        self.times.last_modified = now;
        Ok(())
    }
}

impl Listed for Asset {
    const PROPERTIES: &'static [Property] =
        &[Property::NAME, Property::text("alternateId"), Property::text("assetId"), Property::CREATED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "alternateId" => self.alternate_id.clone(),
            "assetId" => Some(self.id.to_string()),
            "created" => Some(timestamp(self.times.created)),
            _ => None,
        }
    }
}
