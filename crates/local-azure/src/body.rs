//! Reads request bodies within bounds. Not what is in them.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// How long a body may take to arrive; loopback needs none of it.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How much of a body that is too large is still taken in, so that its sender hears the refusal instead of a broken
/// connection.
const DRAIN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    Broken,
}

/// Reads a body of at most `bytes_max`.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, BodyError> {
    timeout(WAIT_MAX, collect(body, bytes_max)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, BodyError> {
    let (mut kept, mut total) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        total = total.saturating_add(chunk.len());
        if total > DRAIN_BYTES_MAX {
            break;
        }
        if total <= bytes_max {
            kept.extend_from_slice(&chunk);
        }
    }
    match total <= bytes_max {
        true => Ok(kept.freeze()),
        false => Err(BodyError::TooLarge),
    }
}
