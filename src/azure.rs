//! Azure's side of the house: turns our words into a provider's, and a provider's errors into ours, once.

pub mod blob_storage;
pub mod credential;
pub mod event_grid;
pub mod key_roller;
pub mod key_vault;
pub mod media_services;
pub mod wire;

mod classify;
mod pipeline;
mod presets;
mod shared_key;
mod signature;
mod token_policy;
