//! Who may read a container: public access and stored access policies. Not how a SAS is verified.

use axum::body::Body;
use http::StatusCode;

use super::blob::{Policy, PublicAccess};
use super::call::Call;
use super::container::{put_stamp, read_public_access};
use super::error::{self, StorageError};
use super::front_door::{Answer, answer, xml_answer};
use super::headers::put_header_if;
use super::path::ContainerPath;
use super::storage::Storage;
use super::xml::{self, Xml};

/// The most policies a container may have ("Define a stored access policy").
const POLICIES_MAX: usize = 5;
/// The longest name of a policy, from the same page.
const POLICY_ID_CHARS_MAX: usize = 64;
/// Five policies take a few hundred bytes each.
const BODY_BYTES_MAX: usize = 64 * 1024;
const ROOT: &str = "SignedIdentifiers";

/// Get Container ACL.
pub fn get(storage: &Storage, path: &ContainerPath) -> Answer {
    storage.with_container(path, |container| {
        let mut response = xml_answer(document(&container.policies));
        put_stamp(response.headers_mut(), container.stamp);
        let access = container.public_access.map(PublicAccess::as_str);
        put_header_if(response.headers_mut(), "x-ms-blob-public-access", access);
        Ok(response)
    })
}

/// Set Container ACL: what is not given is taken away.
pub async fn set(storage: &Storage, call: &Call, path: &ContainerPath, body: &mut Body) -> Answer {
    let public_access = read_public_access(call)?;
    let policies = read(&xml::small_body(body, BODY_BYTES_MAX).await?)?;
    let conditions = call.conditions()?;
    let stamp = storage.with_container(path, |container| {
        conditions.allow_write(Some(container.stamp))?;
        container.public_access = public_access;
        container.policies = policies;
        container.stamp = storage.stamps.next();
        Ok(container.stamp)
    })?;
    storage.save_container(path).await?;
    let mut response = answer(StatusCode::OK);
    put_stamp(response.headers_mut(), stamp);
    Ok(response)
}

fn read(body: &[u8]) -> Result<Vec<Policy>, StorageError> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let document = xml::parse(body, ROOT)?;
    let policies: Vec<Policy> =
        xml::elements(document.root_element()).map(read_policy).collect::<Result<_, _>>()?;
    if policies.len() > POLICIES_MAX { Err(error::INVALID_XML) } else { Ok(policies) }
}

fn read_policy(node: roxmltree::Node<'_, '_>) -> Result<Policy, StorageError> {
    let id = xml::text(node, "Id")
        .filter(|id| id.chars().count() <= POLICY_ID_CHARS_MAX)
        .ok_or(error::INVALID_XML)?;
    let access = xml::elements(node).find(|child| child.has_tag_name("AccessPolicy"));
    let text = |tag| access.and_then(|access| xml::text(access, tag)).map(str::to_owned);
    Ok(Policy {
        id: id.to_owned(),
        start: text("Start"),
        expiry: text("Expiry"),
        permission: text("Permission"),
    })
}

fn document(policies: &[Policy]) -> String {
    let mut xml = Xml::new(ROOT);
    for policy in policies {
        xml.nest("SignedIdentifier", |xml| {
            xml.leaf("Id", &policy.id);
            xml.nest("AccessPolicy", |xml| {
                xml.leaf_if("Start", policy.start.as_deref());
                xml.leaf_if("Expiry", policy.expiry.as_deref());
                xml.leaf_if("Permission", policy.permission.as_deref());
            });
        });
    }
    xml.finish(ROOT)
}
