//! The local cloud seen from outside, one module per service.

mod blob_storage;
mod event_grid;
mod media_services;
