//! Azure's side of the house: turns our words into a provider's, and a provider's errors into ours, once.

pub mod blob_storage;
pub mod credential;
pub mod event_grid;
pub mod key_roller;
pub mod key_vault;
pub mod looks;
pub mod media_services;
pub mod wire;

mod classify;
mod pipeline;
mod shared_key;
mod signature;
mod spelling;
mod token_policy;

/// What is logged of Azure's client library unless more is asked for: it writes refused answers out whole.
pub const LOG: &str = "azure_core=warn,typespec_client_core=warn";
