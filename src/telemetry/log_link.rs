//! Links to an operation's log in Application Insights, in the form the portal shares queries. Writes no log.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use gridwich_handlers::operation_id::OperationId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const BEFORE_RESOURCE: &str =
    "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring_Logs/LogsBlade/resourceId/";
const BEFORE_QUERY: &str = "/source/LogsBlade.AnalyticsShareLinkToQuery/q/";

/// Where the log is kept.
pub(super) struct LogLink {
    /// The ARM id, already encoded for a URL, as the original's setting is.
    resource_id: String,
}

impl LogLink {
    /// Nothing when the deployment does not say where its log is.
    pub(super) fn new(resource_id: &str) -> Option<Self> {
        (!resource_id.is_empty()).then(|| Self { resource_id: resource_id.to_owned() })
    }

    /// A link that shows everything about an operation.
    pub(super) fn to(&self, operation: OperationId) -> String {
        let query = format!("union traces, requests, exceptions | where * has \"{operation}\"");
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        let packed = packed.write_all(query.as_bytes()).and_then(|()| packed.finish());
        let packed = packed.expect("a Vec takes all that is written to it");
        let packed = STANDARD.encode(packed);
        let packed = utf8_percent_encode(&packed, NON_ALPHANUMERIC);
        format!("{BEFORE_RESOURCE}{}{BEFORE_QUERY}{packed}", self.resource_id)
    }
}
