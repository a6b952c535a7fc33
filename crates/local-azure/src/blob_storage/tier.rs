//! Set Blob Tier, and the slow way out of the archive. Not the tiers themselves.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use time::OffsetDateTime;

use super::blob::{Blob, ChosenTier, Priority, Rehydrating, Tier};
use super::call::Call;
use super::error::{self, StorageError};
use super::front_door::{Answer, answer};
use super::path::BlobPath;
use super::storage::{Storage, end_despite_the_disk};

/// What a new tier comes to.
enum Effect {
    /// Nothing: the blob is there already.
    None,
    /// The blob has left this tier.
    Changed(Tier),
    /// It takes its time, and somebody must see to its end.
    Pending,
    /// It takes its time as before.
    StillPending,
}

/// Set Blob Tier. Neither ETag nor last-modified time change.
pub async fn set(storage: &Arc<Storage>, call: &Call, path: &BlobPath) -> Answer {
    let tier = call.tier()?.ok_or_else(|| error::missing_header("x-ms-access-tier"))?;
    let priority = Priority::read(call.header("x-ms-rehydrate-priority"))?;
    let snapshot = call.snapshot();
    let (before, blob, effect) = storage.with_container(&path.container, |container| {
        let slot = container.blob_mut(&path.name, snapshot)?;
        slot.verify_no_pending_copy()?;
        let before = slot.clone();
        let effect = apply(storage, call, Arc::make_mut(slot), tier, priority)?;
        Ok((before, slot.clone(), effect))
    })?;
    storage.save_change(path, snapshot, before, &blob).await?;
    match effect {
        Effect::None => Ok(answer(StatusCode::OK)),
        Effect::Changed(previous) => {
            storage.raise_tier_changed(path, &blob, previous, &call.origin);
            Ok(answer(StatusCode::OK))
        }
        Effect::Pending => {
            storage.watch_rehydration(path, snapshot, &blob);
            Ok(answer(StatusCode::ACCEPTED))
        }
        Effect::StillPending => Ok(answer(StatusCode::ACCEPTED)),
    }
}

fn apply(
    storage: &Storage,
    call: &Call,
    blob: &mut Blob,
    tier: Tier,
    priority: Priority,
) -> Result<Effect, StorageError> {
    let previous = blob.tier();
    let due = storage.time_after(storage.rehydration_time(priority));
    if let Some(rehydrating) = &mut blob.rehydrating {
        return hurry(rehydrating, tier, priority, due);
    }
    if previous == Tier::Archive && tier != Tier::Archive {
        blob.rehydrating = Some(Rehydrating { to: tier, priority, due, origin: call.origin.clone() });
        return Ok(Effect::Pending);
    }
    let chosen = blob.tier.filter(|chosen| chosen.tier == tier);
    blob.tier = Some(chosen.unwrap_or(ChosenTier { tier, since: storage.settings.clock.now() }));
    Ok(if previous == tier { Effect::None } else { Effect::Changed(previous) })
}

/// A rehydration under way can be given a higher priority, but neither a lower one nor another tier.
fn hurry(
    rehydrating: &mut Rehydrating,
    tier: Tier,
    priority: Priority,
    due: OffsetDateTime,
) -> Result<Effect, StorageError> {
    if rehydrating.to != tier {
        return Err(error::BLOB_BEING_REHYDRATED);
    }
    if priority <= rehydrating.priority {
        return Ok(Effect::StillPending);
    }
    rehydrating.priority = priority;
    rehydrating.due = rehydrating.due.min(due);
    Ok(Effect::Pending)
}

impl Storage {
    /// How long a blob takes out of the archive.
    pub fn rehydration_time(&self, priority: Priority) -> Duration {
        match priority {
            Priority::Standard => self.settings.rehydration.standard,
            Priority::High => self.settings.rehydration.high,
        }
    }

    /// Ends a rehydration when it is due, if one is under way.
    pub fn watch_rehydration(self: &Arc<Self>, path: &BlobPath, snapshot: Option<&str>, blob: &Blob) {
        let Some(rehydrating) = &blob.rehydrating else { return };
        let (path, snapshot) = (path.clone(), snapshot.map(str::to_owned));
        self.at(rehydrating.due, async move |storage| {
            end_despite_the_disk(|| storage.finish_rehydration(&path, snapshot.as_deref())).await;
        });
    }

    async fn finish_rehydration(&self, path: &BlobPath, snapshot: Option<&str>) -> Result<(), StorageError> {
        let now = self.settings.clock.now();
        let ended = self.with_container(&path.container, |container| {
            let slot = container.blob_mut(&path.name, snapshot)?;
            if slot.rehydrating.as_ref().is_none_or(|rehydrating| rehydrating.due > now) {
                return Ok(None);
            }
            let before = slot.clone();
            let blob = Arc::make_mut(slot);
            let Some(rehydrating) = blob.rehydrating.take() else { return Ok(None) };
            blob.tier = Some(ChosenTier { tier: rehydrating.to, since: now });
            Ok(Some((before, slot.clone(), rehydrating.origin)))
        })?;
        let Some((before, blob, origin)) = ended else { return Ok(()) };
        self.save_change(path, snapshot, before, &blob).await?;
        self.raise_tier_changed(path, &blob, Tier::Archive, &origin);
        Ok(())
    }
}
