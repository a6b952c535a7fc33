//! What is asked of an account as a whole: its properties, its kind, user delegation keys. Not its containers.

use axum::body::Body;
use http::{Response, StatusCode};
use time::{Duration, OffsetDateTime};

use super::authentication::{Caller, DelegationKey};
use super::call::Call;
use super::dates;
use super::error::{self, StorageError};
use super::front_door::{Answer, answer, xml_answer};
use super::headers::put_header;
use super::storage::Storage;
use super::xml::{self, Xml};

/// The longest life of a user delegation key ("Get User Delegation Key").
const KEY_LIFE_MAX: Duration = Duration::days(7);
/// A key's interval takes two elements; this is room for more than any client sends.
const KEY_BODY_BYTES_MAX: usize = 16 * 1024;

/// Get Blob Service Properties: everything optional is off.
pub fn get_properties() -> Response<Body> {
    const ROOT: &str = "StorageServiceProperties";
    let metrics = |xml: &mut Xml| {
        xml.leaf("Version", "1.0");
        xml.leaf("Enabled", "false");
        xml.nest("RetentionPolicy", |xml| xml.leaf("Enabled", "false"));
    };
    let mut xml = Xml::new(ROOT);
    xml.nest("Logging", |xml| {
        xml.leaf("Version", "1.0");
        for verb in ["Read", "Write", "Delete"] {
            xml.leaf(verb, "false");
        }
        xml.nest("RetentionPolicy", |xml| xml.leaf("Enabled", "false"));
    });
    xml.nest("HourMetrics", metrics);
    xml.nest("MinuteMetrics", metrics);
    xml.nest("Cors", |_| ());
    xml.nest("DeleteRetentionPolicy", |xml| xml.leaf("Enabled", "false"));
    xml.nest("StaticWebsite", |xml| xml.leaf("Enabled", "false"));
    xml_answer(xml.finish(ROOT))
}

/// Get Account Information.
pub fn get_account_information(storage: &Storage, call: &Call) -> Answer {
    let account = storage.account(call.target.account())?;
    let mut response = answer(StatusCode::OK);
    let headers = response.headers_mut();
    put_header(headers, "x-ms-sku-name", "Standard_LRS");
    put_header(headers, "x-ms-account-kind", "StorageV2");
    put_header(headers, "x-ms-is-hns-enabled", &account.settings.hierarchical_namespace.to_string());
    Ok(response)
}

/// Get User Delegation Key.
pub async fn get_user_delegation_key(storage: &Storage, call: &Call, body: &mut Body) -> Answer {
    let Caller::Bearer(identity) = &call.caller else { return Err(error::INVALID_TOKEN) };
    let body = xml::small_body(body, KEY_BODY_BYTES_MAX).await?;
    let document = xml::parse(&body, "KeyInfo")?;
    let now = storage.settings.clock.now();
    let (start, expiry) = interval(document.root_element(), now)?;
    let key = DelegationKey {
        object_id: identity.object_id.clone(),
        tenant_id: identity.tenant_id.clone(),
        start: dates::iso_seconds(start),
        expiry: dates::iso_seconds(expiry),
        service: "b".to_owned(),
        version: call.version().to_owned(),
        user_tenant_id: xml::text(document.root_element(), "DelegatedUserTid").unwrap_or_default().to_owned(),
    };
    Ok(xml_answer(key_document(&key, &key.value(call.target.account()))))
}

fn interval(
    info: roxmltree::Node<'_, '_>,
    now: OffsetDateTime,
) -> Result<(OffsetDateTime, OffsetDateTime), StorageError> {
    let time = |tag| match xml::text(info, tag) {
        None => Ok(None),
        Some(text) => dates::parse_iso(text).map(Some).ok_or(invalid(tag)),
    };
    let start = time("Start")?.unwrap_or(now);
    let expiry = time("Expiry")?.ok_or(invalid("Expiry"))?;
    match expiry > start && expiry > now && expiry - now <= KEY_LIFE_MAX {
        true => Ok((start, expiry)),
        false => Err(invalid("Expiry")),
    }
}

fn invalid(tag: &str) -> StorageError {
    error::INVALID_XML_NODE.with("XmlNodeName", tag)
}

fn key_document(key: &DelegationKey, value: &str) -> String {
    const ROOT: &str = "UserDelegationKey";
    let mut xml = Xml::new(ROOT);
    xml.leaf("SignedOid", &key.object_id);
    xml.leaf("SignedTid", &key.tenant_id);
    xml.leaf("SignedStart", &key.start);
    xml.leaf("SignedExpiry", &key.expiry);
    xml.leaf("SignedService", &key.service);
    xml.leaf("SignedVersion", &key.version);
    xml.leaf_if(
        "SignedDelegatedUserTid",
        Some(key.user_tenant_id.as_str()).filter(|tenant| !tenant.is_empty()),
    );
    xml.leaf("Value", value);
    xml.finish(ROOT)
}
