//! The other end of Azure's wires, in one process: Event Grid, Blob Storage and its management, Media Services and Key
//! Vault.
//!
//! Each service is a function from request to response (an [`axum::Router`]): it can be bound to a loopback port
//! with [`serve`] or called in memory. It knows only the providers' wire formats, and nothing of who uses it.

pub mod arm;
pub mod blob_storage;
pub mod clock;
pub mod cloud;
pub mod event_grid;
pub mod faults;
pub mod ids;
pub mod inside;
pub mod key_vault;
pub mod media_services;
pub mod scratch;
pub mod serve;
pub mod storage_management;
pub mod tls;
pub mod webhook;

mod body;
mod documents;
mod tokens;
