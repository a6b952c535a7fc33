//! Counts what is done to the cloud, as its services answer it. Not who asked for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{Method, StatusCode, request};

use super::journal::Journal;
use super::mix::{mark, marked};

/// Where the processor keeps its own notes.
const CONTEXTS: &str = "/gridwich-contexts";

/// What was done, and how often. Cloning shares it.
#[derive(Clone)]
pub struct Effects(Arc<Inner>);

struct Inner {
    done: Mutex<HashMap<String, u32>>,
    journal: Arc<Journal>,
}

impl Effects {
    pub fn new(journal: Arc<Journal>) -> Self {
        Self(Arc::new(Inner { done: Mutex::default(), journal }))
    }

    /// Looks over a service's shoulder.
    pub fn of(&self, service: Router) -> Router {
        service.layer(from_fn_with_state(self.clone(), look_on))
    }

    /// How often something was done.
    pub fn count(&self, effect: &str) -> u32 {
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.get(effect).copied().unwrap_or_default()
    }

    /// How often tiers were set again to the same for one operation, which changes nothing.
    pub fn tiers_set_again(&self) -> u64 {
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        let tiers = done.iter().filter(|(effect, _)| effect.starts_with("tier "));
        tiers.map(|(_, times)| u64::from(*times) - 1).sum()
    }

    fn add(&self, effect: String) {
        *self.0.done.lock().unwrap_or_else(PoisonError::into_inner).entry(effect).or_default() += 1;
    }
}

async fn look_on(State(effects): State<Effects>, request: Request, next: Next) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_change {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let answer = next.run(Request::from_parts(parts.clone(), body)).await;
    let carried =
        parts.headers.get("x-ms-client-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let status = answer.status().as_u16();
    effects.0.journal.note(format_args!("cloud {} {} {status} {carried}", parts.method, parts.uri));
    if let Some(effect) = effect(&parts, answer.status(), carried) {
        effects.add(effect);
    }
    answer
}

/// What a request did to the world, by a name. Metadata are not counted: setting them again changes nothing, and what sets
/// them does not say for whom.
fn effect(parts: &request::Parts, answered: StatusCode, carried: &str) -> Option<String> {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let has = |word: &str| query.split('&').any(|pair| pair == word);
    let is_new = answered == StatusCode::CREATED;
    if path.contains(CONTEXTS) || !answered.is_success() {
        return None;
    }
    match parts.method {
        Method::PUT if parts.headers.contains_key("x-ms-copy-source") => Some(format!("copy {path}")),
        Method::PUT if path.contains("/jobs/") => {
            let job = path.rsplit('/').next().and_then(marked)?;
            is_new.then(|| format!("job {}", mark(job)))
        }
        Method::PUT if has("restype=container") && is_new => Some(format!("container {path}")),
        Method::PUT if has("comp=tier") => Some(format!("tier {}", mark(marked(carried)?))),
        Method::DELETE if !has("restype=container") => Some(format!("delete {path}")),
        _ => None,
    }
}
