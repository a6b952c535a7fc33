//! How requests to services that take only tokens get one. Not which service: that is its client's.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::AUTHORIZATION;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};

use crate::config::TokenAuth;
use crate::secret::Secret;

/// What adds a token to each try.
///
/// # Errors
/// Says what was expected when there is neither identity nor token.
pub(super) fn token_policy(
    auth: TokenAuth,
    token: &Secret,
    credential: Option<&Arc<dyn TokenCredential>>,
    scope: &'static str,
) -> Result<Arc<dyn Policy>, &'static str> {
    match auth {
        TokenAuth::Entra => {
            let credential = credential.ok_or("expected an identity in [entra]")?;
            Ok(Arc::new(BearerTokenAuthorizationPolicy::new(Arc::clone(credential), [scope])))
        }
        TokenAuth::Bearer if token.is_empty() => Err("expected a token for auth = \"bearer\""),
        TokenAuth::Bearer => Ok(Arc::new(StaticTokenPolicy::new(token))),
    }
}

/// Sends a configured token, as it is then, with every request.
pub(super) struct StaticTokenPolicy {
    token: Secret,
}

impl StaticTokenPolicy {
    pub(super) fn new(token: &Secret) -> Self {
        Self { token: token.clone() }
    }
}

impl fmt::Debug for StaticTokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticTokenPolicy")
    }
}

#[async_trait]
impl Policy for StaticTokenPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header(AUTHORIZATION, format!("Bearer {}", self.token.reveal()));
        next[0].send(ctx, request, &next[1..]).await
    }
}
