//! Media Services seen from outside.

#![expect(clippy::unwrap_used, reason = "whatever is missing fails its test")]

mod admission;
mod assets;
mod cancelling;
mod drm;
mod encoding;
mod encoding_awkward_inputs;
mod encoding_content;
mod encoding_copied_rungs;
mod encoding_copies;
mod encoding_every_preset;
mod encoding_failures;
mod encoding_filters;
mod encoding_images;
mod encoding_late_sound;
mod encoding_overlays;
mod encoding_presets;
mod encoding_tracks;
mod events;
mod jobs;
mod keeping;
mod key_delivery;
mod lists;
mod outcomes;
mod protection;
mod publication;
mod queue;
mod restarts;
mod streaming;
mod studio;
mod subscriber;
mod transforms;
mod world;
