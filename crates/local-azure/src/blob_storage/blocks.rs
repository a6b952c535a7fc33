//! Put Block, Put Block List and Get Block List. Not blobs that come in one piece.

use std::collections::HashMap;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http_body_util::BodyDataStream;

use super::blob::{Blob, Entry};
use super::call::Call;
use super::checksum::Checksums;
use super::container::put_stamp;
use super::content::Part;
use super::error::{self, StorageError};
use super::events::Api;
use super::front_door::{Answer, answer, xml_answer};
use super::headers::{ContentHeaders, put_header};
use super::path::BlobPath;
use super::put_blob::created;
use super::storage::{Draft, Storage};
use super::xml::{self, Xml};

/// The longest block ("Put Block", versions since 2019-12-12).
const BLOCK_BYTES_MAX: u64 = 4000 * 1024 * 1024;
/// The longest id of a block before it is encoded, from the same page.
const BLOCK_ID_BYTES_MAX: usize = 64;
/// The most blocks a blob may have that are not committed, from the same page.
const UNCOMMITTED_BLOCKS_MAX: usize = 100_000;
/// The most blocks a blob may have ("Put Block List").
const BLOCKS_MAX: usize = 50_000;
/// Room for the longest list with the longest ids.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Put Block.
pub async fn put(storage: &Storage, call: &Call, path: &BlobPath, body: &mut Body) -> Answer {
    let id = call
        .query
        .get("blockid")
        .ok_or(error::MISSING_REQUIRED_QUERY.with("QueryParameterName", "blockid"))?;
    verify_block_id(id)?;
    let bytes = call.body_bytes(body)?;
    match bytes {
        0 => return Err(error::invalid_header("Content-Length")),
        1..=BLOCK_BYTES_MAX => {}
        _ => return Err(error::REQUEST_BODY_TOO_LARGE),
    }
    storage.with_container(&path.container, |_| Ok(()))?;
    let received = storage.shelf.receive(BodyDataStream::new(body), bytes, BLOCK_BYTES_MAX).await?;
    received.sums.verify(call.header("content-md5"), call.header("x-ms-content-crc64"))?;
    let part = received.part.ok_or(error::INVALID_INPUT)?;
    let only_new = call.terms()?.only_new;
    storage.with_container(&path.container, |container| {
        let known = container.blobs.get(&path.name);
        known.map_or(Ok(()), |entry| verify_fits(entry, id, only_new))?;
        let entry = container.blobs.entry(path.name.clone()).or_default();
        entry.uncommitted.insert(id.to_owned(), part);
        Ok(())
    })?;
    let mut response = answer(StatusCode::CREATED);
    let headers = response.headers_mut();
    if call.header("content-md5").is_some() {
        put_header(headers, "content-md5", &received.sums.md5());
    }
    put_header(headers, "x-ms-content-crc64", &received.sums.crc64());
    put_header(headers, "x-ms-request-server-encrypted", "true");
    Ok(response)
}

fn verify_block_id(id: &str) -> Result<(), StorageError> {
    match STANDARD.decode(id) {
        Ok(id) if (1..=BLOCK_ID_BYTES_MAX).contains(&id.len()) => Ok(()),
        _ => Err(error::invalid_query("blockid")),
    }
}

/// All ids of a blob are equally long, and there is an end to them.
fn verify_fits(entry: &Entry, id: &str, only_new: bool) -> Result<(), StorageError> {
    let blob = entry.blob.as_deref();
    if only_new && blob.is_some() {
        return Err(error::PERMISSION_MISMATCH);
    }
    blob.map_or(Ok(()), Blob::verify_no_pending_copy)?;
    if entry.uncommitted.len() >= UNCOMMITTED_BLOCKS_MAX && !entry.uncommitted.contains_key(id) {
        return Err(error::BLOCK_COUNT_EXCEEDS_LIMIT);
    }
    match entry.uncommitted.keys().next().is_none_or(|other| other.len() == id.len()) {
        true => Ok(()),
        false => Err(error::INVALID_BLOB_OR_BLOCK),
    }
}

/// Put Block List.
pub async fn put_list(storage: &Storage, call: &Call, path: &BlobPath, body: &mut Body) -> Answer {
    let body = xml::small_body(body, LIST_BYTES_MAX).await?;
    let sums = Checksums::of(&body);
    sums.verify(call.header("content-md5"), call.header("x-ms-content-crc64"))?;
    let list = read_list(&body)?;
    let (headers, metadata) = (ContentHeaders::read(&call.headers), call.metadata()?);
    let (tier, terms) = (call.tier()?, call.terms()?);
    let draft = |entry: &Entry| {
        let parts = find_blocks(entry, &list)?;
        let block_ids = list.into_iter().map(|(_, id)| id).collect();
        Ok(Draft { content: parts.into_iter().collect(), block_ids, headers, metadata, tier, copy: None })
    };
    let blob = storage.put(path, &terms, draft).await?;
    storage.raise_created(path, &blob, Api::PutBlockList, &call.origin);
    let mut response = created(&blob);
    put_header(response.headers_mut(), "x-ms-content-crc64", &sums.crc64());
    Ok(response)
}

/// Where a block is looked for.
#[derive(Clone, Copy)]
enum From {
    Committed,
    Uncommitted,
    /// Among the uncommitted first.
    Latest,
}

fn read_list(body: &[u8]) -> Result<Vec<(From, String)>, StorageError> {
    let document = xml::parse(body, "BlockList")?;
    let block = |node: roxmltree::Node<'_, '_>| {
        let from = match node.tag_name().name() {
            "Committed" => From::Committed,
            "Uncommitted" => From::Uncommitted,
            "Latest" => From::Latest,
            _ => return Err(error::INVALID_XML),
        };
        Ok((from, node.text().unwrap_or_default().trim().to_owned()))
    };
    let list: Vec<_> = xml::elements(document.root_element()).map(block).collect::<Result<_, _>>()?;
    if list.len() > BLOCKS_MAX { Err(error::BLOCK_LIST_TOO_LONG) } else { Ok(list) }
}

fn find_blocks(entry: &Entry, list: &[(From, String)]) -> Result<Vec<Part>, StorageError> {
    let committed: HashMap<&str, &Part> = entry.blob.iter().flat_map(|blob| committed_blocks(blob)).collect();
    let found = |(from, id): &(From, String)| {
        let uncommitted = || entry.uncommitted.get(id);
        let committed = || committed.get(id.as_str()).copied();
        let part = match from {
            From::Committed => committed(),
            From::Uncommitted => uncommitted(),
            From::Latest => uncommitted().or_else(committed),
        };
        part.cloned().ok_or(error::INVALID_BLOCK_LIST)
    };
    list.iter().map(found).collect()
}

fn committed_blocks(blob: &Blob) -> impl Iterator<Item = (&str, &Part)> {
    blob.block_ids.iter().map(String::as_str).zip(blob.content.parts())
}

/// Get Block List.
pub fn get_list(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let (committed, uncommitted) = match call.query.get("blocklisttype").unwrap_or("committed") {
        "committed" => (true, false),
        "uncommitted" => (false, true),
        "all" => (true, true),
        _ => return Err(error::invalid_query("blocklisttype")),
    };
    storage.with_container(&path.container, |container| {
        let entry = container.entry(&path.name)?;
        let blob = match call.snapshot() {
            Some(_) => Some(container.blob(&path.name, call.snapshot())?),
            None => entry.blob.as_ref(),
        };
        let mut xml = Xml::new("BlockList");
        if committed {
            let blocks = blob.into_iter().flat_map(|blob| committed_blocks(blob));
            xml.nest("CommittedBlocks", |xml| blocks.for_each(|(id, part)| put_block(xml, id, part)));
        }
        if uncommitted {
            let blocks = entry.uncommitted.iter();
            xml.nest("UncommittedBlocks", |xml| blocks.for_each(|(id, part)| put_block(xml, id, part)));
        }
        let mut response = xml_answer(xml.finish("BlockList"));
        if let Some(blob) = blob {
            put_stamp(response.headers_mut(), blob.stamp);
        }
        let bytes = blob.map_or(0, |blob| blob.content.bytes());
        put_header(response.headers_mut(), "x-ms-blob-content-length", &bytes.to_string());
        Ok(response)
    })
}

fn put_block(xml: &mut Xml, id: &str, part: &Part) {
    xml.nest("Block", |xml| {
        xml.leaf("Name", id);
        xml.leaf("Size", &part.bytes().to_string());
    });
}
