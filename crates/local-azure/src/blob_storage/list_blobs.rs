//! List Blobs, flat and by hierarchy. Not List Containers.

use time::OffsetDateTime;

use super::blob::{Blob, BlobCopy, Container, Entry};
use super::call::Call;
use super::dates;
use super::front_door::{Answer, xml_answer};
use super::page::{self, Page};
use super::path::ContainerPath;
use super::storage::Storage;
use super::xml::Xml;

/// List Blobs.
pub fn list(storage: &Storage, call: &Call, path: &ContainerPath) -> Answer {
    let page = Page::read(&call.query)?;
    let endpoint = format!("{}/{}/", storage.settings.base_url, path.account);
    let mut xml = Xml::new(&page::root(&[("ServiceEndpoint", &endpoint), ("ContainerName", &path.name)]));
    page.put(&mut xml);
    let now = storage.settings.clock.now();
    let next = storage.with_container(path, |container| Ok(put_items(&mut xml, container, &page, now)))?;
    xml.leaf("NextMarker", &next.unwrap_or_default());
    Ok(xml_answer(xml.finish(page::ROOT)))
}

/// Writes a page of items and returns where the next page starts, if there is one.
fn put_items(xml: &mut Xml, container: &Container, page: &Page<'_>, now: OffsetDateTime) -> Option<String> {
    let mut next = None;
    xml.nest("Blobs", |xml| {
        for (count, item) in items(container, page).enumerate() {
            if count == page.results_max {
                next = Some(item.marker());
                return;
            }
            item.put(xml, page, now);
        }
    });
    next
}

/// One line of a listing.
enum Item<'a> {
    /// All blobs whose names go on after a delimiter.
    Prefix(&'a str),
    Blob(&'a str, &'a Blob),
    Snapshot(&'a str, &'a str, &'a Blob),
    Uncommitted(&'a str),
}

impl Item<'_> {
    fn marker(&self) -> String {
        match self {
            Self::Prefix(name) | Self::Uncommitted(name) => Page::marker(name, None),
            // Later than any time a snapshot can have been taken: its snapshots have been shown.
            Self::Blob(name, _) => Page::marker(name, Some("~")),
            Self::Snapshot(name, time, _) => Page::marker(name, Some(time)),
        }
    }

    fn put(&self, xml: &mut Xml, page: &Page<'_>, now: OffsetDateTime) {
        match self {
            Self::Prefix(name) => xml.nest("BlobPrefix", |xml| xml.name("Name", name)),
            Self::Uncommitted(name) => xml.nest("Blob", |xml| put_uncommitted(xml, name)),
            Self::Blob(name, blob) => put_blob(xml, name, None, blob, page, now),
            Self::Snapshot(name, time, blob) => put_blob(xml, name, Some(time), blob, page, now),
        }
    }
}

/// Everything from the start of the page on, in the order of names; a blob's snapshots come before it, oldest first.
fn items<'a>(container: &'a Container, page: &'a Page<'_>) -> impl Iterator<Item = Item<'a>> {
    let names = container.blobs.range(page.start.name.clone()..);
    let in_prefix = names
        .skip_while(|(name, _)| name.as_str() < page.prefix)
        .take_while(|(name, _)| name.starts_with(page.prefix));
    let mut last_prefix = None;
    in_prefix.flat_map(move |(name, entry)| {
        let own = own_items(name, entry, page);
        match common_prefix(name, page) {
            None => own,
            Some(prefix) if own.is_empty() || last_prefix == Some(prefix) => Vec::new(),
            Some(prefix) => {
                last_prefix = Some(prefix);
                vec![Item::Prefix(prefix)]
            }
        }
    })
}

/// The name up to and with the first delimiter after the prefix.
fn common_prefix<'a>(name: &'a str, page: &Page<'_>) -> Option<&'a str> {
    let delimiter = page.delimiter?;
    let at = name[page.prefix.len()..].find(delimiter)?;
    Some(&name[..page.prefix.len() + at + delimiter.len()])
}

/// What is to be shown of one name.
fn own_items<'a>(name: &'a str, entry: &'a Entry, page: &Page<'_>) -> Vec<Item<'a>> {
    let from = page.start.snapshot.as_deref().filter(|_| page.start.name == name).unwrap_or_default();
    let mut items = Vec::new();
    if page.includes("snapshots") {
        let snapshots = entry.snapshots.iter().filter(|(time, _)| time.as_str() >= from);
        items.extend(snapshots.map(|(time, blob)| Item::Snapshot(name, time, blob)));
    }
    match &entry.blob {
        Some(blob) => items.push(Item::Blob(name, blob)),
        None if page.includes("uncommittedblobs") && !entry.uncommitted.is_empty() => {
            items.push(Item::Uncommitted(name));
        }
        None => {}
    }
    items
}

fn put_uncommitted(xml: &mut Xml, name: &str) {
    xml.name("Name", name);
    xml.nest("Properties", |xml| {
        xml.leaf("Content-Length", "0");
        xml.leaf("BlobType", "BlockBlob");
    });
}

fn put_blob(
    xml: &mut Xml,
    name: &str,
    snapshot: Option<&str>,
    blob: &Blob,
    page: &Page<'_>,
    now: OffsetDateTime,
) {
    xml.nest("Blob", |xml| {
        xml.name("Name", name);
        xml.leaf_if("Snapshot", snapshot);
        xml.nest("Properties", |xml| {
            put_properties(xml, blob);
            if let Some(copy) = blob.copy.as_ref().filter(|_| page.includes("copy")) {
                put_copy(xml, copy, now);
            }
        });
        if page.includes("metadata") {
            xml.pairs("Metadata", &blob.metadata);
        }
        xml.leaf("OrMetadata", "");
    });
}

fn put_properties(xml: &mut Xml, blob: &Blob) {
    let headers = &blob.headers;
    xml.leaf("Creation-Time", &dates::http_date(blob.created));
    xml.leaf("Last-Modified", &blob.stamp.last_modified());
    xml.leaf("Etag", &blob.stamp.to_string());
    xml.leaf("Content-Length", &blob.content.bytes().to_string());
    xml.leaf("Content-Type", headers.content_type());
    xml.leaf("Content-Encoding", headers.content_encoding.as_deref().unwrap_or_default());
    xml.leaf("Content-Language", headers.content_language.as_deref().unwrap_or_default());
    xml.leaf("Content-MD5", headers.content_md5.as_deref().unwrap_or_default());
    xml.leaf("Cache-Control", headers.cache_control.as_deref().unwrap_or_default());
    xml.leaf("Content-Disposition", headers.content_disposition.as_deref().unwrap_or_default());
    xml.leaf("BlobType", "BlockBlob");
    xml.leaf("AccessTier", blob.tier().as_str());
    match &blob.tier {
        Some(chosen) => xml.leaf("AccessTierChangeTime", &dates::http_date(chosen.since)),
        None => xml.leaf("AccessTierInferred", "true"),
    }
    if let Some(rehydrating) = &blob.rehydrating {
        xml.leaf("ArchiveStatus", &rehydrating.archive_status());
        xml.leaf("RehydratePriority", rehydrating.priority.as_str());
    }
    xml.leaf("LeaseStatus", "unlocked");
    xml.leaf("LeaseState", "available");
    xml.leaf("ServerEncrypted", "true");
}

fn put_copy(xml: &mut Xml, copy: &BlobCopy, now: OffsetDateTime) {
    xml.leaf("CopyId", &copy.id);
    xml.leaf("CopySource", &copy.source_url);
    xml.leaf("CopyStatus", copy.state.as_str());
    xml.leaf("CopyProgress", &copy.progress(now));
    xml.leaf_if("CopyCompletionTime", copy.ended.map(dates::http_date).as_deref());
    xml.leaf_if("CopyStatusDescription", copy.description.as_deref());
}
