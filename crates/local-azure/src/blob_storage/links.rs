//! URLs of blobs for the other services: made with signatures, and read with them checked. Not what storage clients send.

use http::HeaderMap;
use time::OffsetDateTime;
use url::Url;

use super::BlobStorage;
use super::authentication::{container_sas, verify_sas};
use super::operation::BlobOperation;
use super::path::{BlobPath, ContainerPath, Target};
use super::query::Query;
use crate::inside::{BlobLinks, BlobPlace, ContainerPermission};

impl BlobLinks for BlobStorage {
    fn container_urls(
        &self,
        account: &str,
        container: &str,
        permission: ContainerPermission,
        expires: OffsetDateTime,
    ) -> Vec<String> {
        let letters = match permission {
            ContainerPermission::Read => "rl",
            ContainerPermission::ReadWrite => "rwl",
            ContainerPermission::ReadWriteDelete => "rwdl",
        };
        let path = ContainerPath { account: account.to_owned(), name: container.to_owned() };
        let base_url = &self.0.settings.base_url;
        let Ok(keys) = self.0.account(account).map(|account| account.keys.values()) else {
            return Vec::new();
        };
        let queries = container_sas(&path, &keys, letters, expires);
        queries.into_iter().map(|query| format!("{base_url}/{account}/{container}?{query}")).collect()
    }

    fn readable_blob(&self, url: &Url) -> Option<BlobPlace> {
        let storage = &self.0;
        let path = url.as_str().strip_prefix(storage.settings.base_url.as_str())?.split(['?', '#']).next()?;
        let target = Target::parse("", path, false, |_| false).ok()?;
        let Target::Blob(BlobPath { container, name }) = &target else { return None };
        let query = Query::parse(url.query().unwrap_or_default());
        let permit = BlobOperation::Get.permit();
        let is_readable = if query.get("sig").is_some() {
            let grant = verify_sas(storage, &target, &query, &HeaderMap::new());
            grant.is_ok_and(|grant| grant.verify(&permit).is_ok())
        } else {
            storage
                .with_container(container, |container| Ok(container.public_access.is_some()))
                .is_ok_and(|is| is)
        };
        is_readable.then(|| BlobPlace {
            account: container.account.clone(),
            container: container.name.clone(),
            blob: name.clone(),
        })
    }
}
