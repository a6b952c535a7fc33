//! Misbehaviour on request, so that a caller can be tried against a bad day. Not random: each fault is asked for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode, request};

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refuses before anything happened, with `Retry-After` in seconds when given.
    Refuse(StatusCode, Option<u32>),
    /// Does the work and then answers this instead.
    AnswerAfter(StatusCode),
    /// Works as usual, but later.
    Delay(Duration),
    /// Does nothing and never answers.
    Hang,
    /// Does the work and never answers.
    HangAfter,
}

type Condition = Box<dyn Fn(&request::Parts) -> bool + Send + Sync>;

struct Rule {
    condition: Condition,
    fault: Fault,
    /// How often it still strikes; `None` is always.
    left: Option<u32>,
}

/// The faults a service has been asked for. Cloning shares them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    /// Strikes the next `times` requests that meet the condition.
    pub fn next(
        &self,
        times: u32,
        fault: Fault,
        condition: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) {
        self.add(Rule { condition: Box::new(condition), fault, left: Some(times) });
    }

    /// Strikes every request that meets the condition until [`Faults::clear`].
    pub fn always(&self, fault: Fault, condition: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) {
        self.add(Rule { condition: Box::new(condition), fault, left: None });
    }

    /// Behaves again.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Puts the faults in front of a service.
    pub fn in_front_of(&self, service: Router) -> Router {
        service.layer(from_fn_with_state(self.clone(), strike))
    }

    fn add(&self, rule: Rule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    fn due(&self, parts: &request::Parts) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| rule.left != Some(0) && (rule.condition)(parts))?;
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        Some(rule.fault)
    }
}

async fn strike(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let due = faults.due(&parts);
    let request = Request::from_parts(parts, body);
    match due {
        None => next.run(request).await,
        Some(Fault::Refuse(status, retry_after)) => refusal(status, retry_after),
        Some(Fault::AnswerAfter(status)) => {
            next.run(request).await;
            refusal(status, None)
        }
        Some(Fault::Delay(wait)) => {
            tokio::time::sleep(wait).await;
            next.run(request).await
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::HangAfter) => {
            next.run(request).await;
            std::future::pending().await
        }
    }
}

fn refusal(status: StatusCode, retry_after: Option<u32>) -> Response {
    let mut response = (status, Body::empty()).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
