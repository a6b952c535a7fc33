//! Bodies of deliveries, read within limits of size, of time, and of the memory that all of them together may take. Not what
//! stands in them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a body may take to arrive.
const BODY_SECONDS_MAX: Duration = Duration::from_secs(10);
/// How much of a refused body is read, so that its sender gets to see the answer rather than a broken connection.
const DISCARD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a body is given room for before anything of it has arrived; usual deliveries need no more.
const BYTES_AT_FIRST: usize = 16 * 1024;

/// Why there is no body; fit for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBody {
    /// It is larger than any delivery may be.
    #[error("expected at most {0} bytes")]
    TooLarge(usize),
    /// Others take all the memory there is for bodies.
    #[error("too many bytes at once")]
    NoRoom,
    /// It broke off.
    #[error("the body broke off")]
    Broken,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
}

/// One part in so many of the room is for bodies that need no more than that, so that a few large ones keep nobody else out.
const SMALL_SHARE: usize = 8;

/// How much room there has to be so that a body of `body_bytes_max` has some: beside the part that is for small ones only.
#[must_use]
pub const fn room_min(body_bytes_max: usize) -> usize {
    body_bytes_max.saturating_mul(SMALL_SHARE).div_ceil(SMALL_SHARE - 1)
}

/// The memory there is for bodies. It is taken as they arrive, so that who declares much and sends little takes little; and
/// it is given back when the last part of a body is let go: by the delivery, or by the last step that works on it.
pub struct Bodies {
    room: Arc<Semaphore>,
    bodies_bytes_max: usize,
    body_bytes_max: usize,
}

impl Bodies {
    /// Room for `body_bytes_max` in one, and for `bodies_bytes_max` in all.
    #[must_use]
    pub fn new(body_bytes_max: usize, bodies_bytes_max: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(bodies_bytes_max)), bodies_bytes_max, body_bytes_max }
    }

    /// Reads a body to its end, in a bounded time. What is refused is read as well, and thrown away.
    ///
    /// # Errors
    /// When there is none, or no room for it.
    pub async fn read(&self, mut body: Body) -> Result<Bytes, NoBody> {
        let reading = tokio::time::timeout(BODY_SECONDS_MAX, self.collect(&mut body)).await;
        let read = reading.unwrap_or(Err(NoBody::TooSlow));
        if matches!(read, Err(NoBody::TooLarge(_) | NoBody::NoRoom)) {
            discard(body).await;
        }
        read
    }

    /// How many bytes are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bodies_bytes_max.saturating_sub(self.room.available_permits())
    }

    async fn collect(&self, body: &mut Body) -> Result<Bytes, NoBody> {
        let declared = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        if declared.is_some_and(|bytes| bytes > self.body_bytes_max) {
            return Err(NoBody::TooLarge(self.body_bytes_max));
        }
        // What would not fit now is refused before it is read.
        if !declared.is_none_or(|bytes| self.has_room(bytes, bytes)) {
            return Err(NoBody::NoRoom);
        }
        let mut arriving = Arriving { bytes: Vec::new(), held: self.take(0, 0)? };
        while let Some(frame) = body.frame().await {
            let data = frame.map_err(|_| NoBody::Broken)?.into_data().unwrap_or_default();
            let bytes = arriving.bytes.len() + data.len();
            if bytes > self.body_bytes_max {
                return Err(NoBody::TooLarge(self.body_bytes_max));
            }
            self.make_room(&mut arriving, bytes, declared)?;
            arriving.bytes.extend_from_slice(&data);
        }
        arriving.bytes.shrink_to_fit();
        let surplus = arriving.held.num_permits().saturating_sub(arriving.bytes.len());
        drop(arriving.held.split(surplus));
        Ok(Bytes::from_owner(arriving))
    }

    /// Doubles what is held, so that no more than twice what has arrived is taken; where that is not to be had, what is needed.
    fn make_room(
        &self,
        arriving: &mut Arriving,
        bytes: usize,
        declared: Option<usize>,
    ) -> Result<(), NoBody> {
        let held = arriving.held.num_permits();
        if bytes <= held {
            return Ok(());
        }
        let ample = (held * 2).max(BYTES_AT_FIRST).min(declared.unwrap_or(self.body_bytes_max)).max(bytes);
        let more = self.take(ample - held, ample).or_else(|_| self.take(bytes - held, bytes))?;
        arriving.held.merge(more);
        arriving.bytes.reserve_exact(arriving.held.num_permits() - arriving.bytes.len());
        Ok(())
    }

    /// Takes `more`, for a body that has `bytes` then.
    fn take(&self, more: usize, bytes: usize) -> Result<OwnedSemaphorePermit, NoBody> {
        let permits =
            u32::try_from(more).ok().filter(|_| self.has_room(more, bytes)).ok_or(NoBody::NoRoom)?;
        Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| NoBody::NoRoom)
    }

    fn has_room(&self, more: usize, bytes: usize) -> bool {
        let for_small = if bytes > BYTES_AT_FIRST { self.bodies_bytes_max / SMALL_SHARE } else { 0 };
        self.room.available_permits() >= more + for_small
    }
}

/// What has arrived of a body, and the room it takes.
struct Arriving {
    bytes: Vec<u8>,
    held: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Arriving {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads what a refused sender still sends, within bounds, and keeps nothing of it.
pub async fn discard(body: Body) {
    let mut limited = Limited::new(body, DISCARD_BYTES_MAX);
    let reading = async { while limited.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    // Whoever takes longer than this sees a broken connection.
    let _ = tokio::time::timeout(BODY_SECONDS_MAX, reading).await;
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn chunked(chunks: &[usize]) -> Body {
        let chunks =
            chunks.iter().map(|bytes| Ok::<_, std::io::Error>(vec![b' '; *bytes])).collect::<Vec<_>>();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_taken_as_bodies_arrive_and_given_back_with_their_last_part() {
        let bodies = Bodies::new(100_000, 160_000);
        let whole = bodies.read(Body::from(vec![b'x'; 80_000])).await.unwrap();
        let part = whole.slice(10..20);
        drop(whole);
        assert_eq!(bodies.held(), 80_000);
        assert_eq!(bodies.read(Body::from(vec![b'x'; 60_001])).await, Err(NoBody::NoRoom));
        assert_eq!(bodies.read(chunked(&[20_000, 20_000, 20_001])).await, Err(NoBody::NoRoom));
        assert_eq!(bodies.held(), 80_000, "what is refused takes nothing");
        let large = bodies.read(chunked(&[20_000, 13, 20_000])).await.unwrap();
        assert_eq!((large.len(), bodies.held()), (40_013, 120_013));
        assert_eq!(bodies.read(Body::from(vec![b'x'; 20_000])).await, Err(NoBody::NoRoom));
        let small = bodies.read(Body::from(vec![b'x'; 16_000])).await.unwrap();
        assert_eq!((small.len(), bodies.held()), (16_000, 136_013), "there is room left for small ones");
        drop((part, large, small));
        assert_eq!(bodies.held(), 0);
        assert_eq!(bodies.read(chunked(&[60_000, 60_000])).await, Err(NoBody::TooLarge(100_000)));
        assert_eq!(bodies.read(Body::empty()).await, Ok(Bytes::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_room_there_may_be_takes_the_largest_body_and_a_little_less_does_not() {
        for bytes in [1, 7, 8, 20_000, 99_999, 1_536_000] {
            let largest = || Body::from(vec![b'x'; bytes]);
            let read = Bodies::new(bytes, room_min(bytes)).read(largest()).await;
            assert_eq!(read.map(|body| body.len()), Ok(bytes));
            if bytes > BYTES_AT_FIRST {
                let read = Bodies::new(bytes, room_min(bytes) - SMALL_SHARE).read(largest()).await;
                assert_eq!(read, Err(NoBody::NoRoom), "{bytes}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_declares_much_and_sends_little_takes_little_and_is_not_waited_for() {
        let bodies = Bodies::new(1_000_000, 1_000_000);
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let slow = bodies.read(Body::from_stream(trickle));
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            bodies.held()
        };
        let (slow, held) = tokio::join!(slow, meanwhile);
        assert_eq!((slow, held), (Err(NoBody::TooSlow), BYTES_AT_FIRST));
        assert_eq!(bodies.held(), 0);
    }
}
