//! How metadata names keep their spelling through a pipeline that folds them to lower case. Not on the sockets, where it is
//! the wire's business.
//!
//! The official client folds the names of headers before our transport sees them. So they go beside the request in its
//! context, from there into a header of our own, and the transport takes that header off again and spells by it.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use header_spelling::Spelling;

/// Never sent. It does not begin with `x-ms-`, so that it is not signed either.
const HEADER: HeaderName = HeaderName::from_static("gridwich-spelled-names");
/// Cannot be in the name of a header.
const SEPARATOR: char = ',';

/// The names of a request's headers as they are to be spelled, as a value in the context of a call.
#[derive(Debug)]
pub(super) struct SpelledNames(Vec<String>);

impl SpelledNames {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }
}

/// Tells the transport of the [`SpelledNames`] of a call.
#[derive(Debug)]
pub(super) struct SpellingPolicy;

#[async_trait]
impl Policy for SpellingPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(SpelledNames(names)) = ctx.value() {
            request.insert_header(HEADER, names.join(&SEPARATOR.to_string()));
        }
        next[0].send(ctx, request, &next[1..]).await
    }
}

/// Whether a header is meant for the transport and not for the provider.
pub(super) fn is_message_to_wire(name: &HeaderName) -> bool {
    *name == HEADER
}

/// What the policy has said of a request.
pub(super) fn of_request(headers: &Headers) -> Option<Spelling> {
    Spelling::new(headers.get_optional_str(&HEADER)?.split(SEPARATOR)).ok()
}
