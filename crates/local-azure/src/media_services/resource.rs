//! What every resource has in common: its name, its envelope, its times. Not what is inside.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::arm::ArmError;

/// "Media Services resource names": up to 260 characters, none of these.
const NAME_CHARS_MAX: usize = 260;
const NAME_CHARS_FORBIDDEN: &str = "<>%&:\\?/*+.'";

/// A resource as ARM shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<P> {
    name: String,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: P,
    system_data: SystemData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SystemData {
    created_by: &'static str,
    created_by_type: &'static str,
    created_at: String,
    last_modified_by: &'static str,
    last_modified_by_type: &'static str,
    last_modified_at: String,
}

/// When a resource was made and last changed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Times {
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_modified: OffsetDateTime,
}

impl Times {
    pub fn new(now: OffsetDateTime) -> Self {
        Self { created: now, last_modified: now }
    }
}

impl<P> Envelope<P> {
    /// `kind` is the resource type below `Microsoft.Media/`; `id` is the full path.
    pub fn new(name: &str, id: String, kind: &'static str, times: Times, properties: P) -> Self {
        let system_data = SystemData {
            created_by: "local-azure",
            created_by_type: "Application",
            created_at: timestamp(times.created),
            last_modified_by: "local-azure",
            last_modified_by_type: "Application",
            last_modified_at: timestamp(times.last_modified),
        };
        Self { name: name.to_owned(), id, kind, properties, system_data }
    }
}

/// A time as the dialect writes it: UTC, seven fractional digits, so that texts sort as times do.
pub(super) fn timestamp(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
    time.to_offset(UtcOffset::UTC).format(&format).expect("the format names only parts that every time has")
}

/// Refuses names the dialect does not allow.
pub(super) fn check_name(kind: &str, name: &str) -> Result<(), ArmError> {
    let forbidden = |c: char| c.is_control() || NAME_CHARS_FORBIDDEN.contains(c);
    if name.chars().count() <= NAME_CHARS_MAX && !name.contains(forbidden) {
        return Ok(());
    }
    Err(ArmError::bad_request(format!(
        "The {kind} name is invalid: it may have at most {NAME_CHARS_MAX} characters, none of them \
         {NAME_CHARS_FORBIDDEN} or a control character."
    )))
}

/// The form in which names are compared.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// 409, because there are already as many as there may be.
pub(super) fn quota_exceeded(what: &str, count_max: usize) -> ArmError {
    let message = format!("The account already has {count_max} {what}, which is the limit.");
    ArmError::new(StatusCode::CONFLICT, "QuotaExceeded", message)
}
