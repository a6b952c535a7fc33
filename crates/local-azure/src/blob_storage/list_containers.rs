//! List Containers. Not List Blobs.

use super::blob::{Container, PublicAccess};
use super::call::Call;
use super::front_door::{Answer, xml_answer};
use super::page::{self, Page};
use super::storage::Storage;
use super::xml::Xml;

/// List Containers.
pub fn list(storage: &Storage, call: &Call) -> Answer {
    let page = Page::read(&call.query)?;
    let account = storage.account(call.target.account())?;
    let endpoint = format!("{}/{}/", storage.settings.base_url, account.settings.name);
    let mut xml = Xml::new(&page::root(&[("ServiceEndpoint", &endpoint)]));
    page.put(&mut xml);
    let containers = account.lock();
    let mut found =
        containers.range(page.start.name.clone()..).filter(|(name, _)| name.starts_with(page.prefix));
    let shown: Vec<_> = found.by_ref().take(page.results_max).collect();
    xml.nest("Containers", |xml| {
        for (name, container) in shown {
            put_container(xml, name, container, page.includes("metadata"));
        }
    });
    xml.leaf("NextMarker", &found.next().map(|(name, _)| Page::marker(name, None)).unwrap_or_default());
    Ok(xml_answer(xml.finish(page::ROOT)))
}

fn put_container(xml: &mut Xml, name: &str, container: &Container, with_metadata: bool) {
    xml.nest("Container", |xml| {
        xml.leaf("Name", name);
        xml.nest("Properties", |xml| {
            xml.leaf("Last-Modified", &container.stamp.last_modified());
            xml.leaf("Etag", &container.stamp.etag());
            xml.leaf("LeaseStatus", "unlocked");
            xml.leaf("LeaseState", "available");
            xml.leaf_if("PublicAccess", container.public_access.map(PublicAccess::as_str));
            xml.leaf("HasImmutabilityPolicy", "false");
            xml.leaf("HasLegalHold", "false");
        });
        if with_metadata {
            xml.pairs("Metadata", &container.metadata);
        }
    });
}
